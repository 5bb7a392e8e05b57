from collections.abc import Callable

import pytest
from pydantic_settings import BaseSettings

from api.main import main as api_main
from api.settings import ApiSettings
from cli.errors import InputError
from cli.settings import ConnectionSettings, WeightsSettings, load_settings
from jobs.settings import JobSettings
from jobs.webhooks.delivery import WebhookSettings
from worker.main import main as worker_main
from worker.settings import WorkerSettings


def test_an_option_overrides_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_PORT", "9000")
    assert load_settings(ApiSettings, port=9001).port == 9001


def test_an_option_that_is_not_given_leaves_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_PORT", "9000")
    assert load_settings(ApiSettings, port=None).port == 9000


def test_an_invalid_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_PORT", "eighty")
    with pytest.raises(InputError, match=r"^NST_PORT: "):
        load_settings(ApiSettings)


def test_an_invalid_option_is_named() -> None:
    with pytest.raises(InputError, match=r"^--per-device: "):
        load_settings(WorkerSettings, per_device=0)


@pytest.mark.parametrize("kind", [ApiSettings, WorkerSettings])
def test_the_api_and_the_worker_accept_the_same_log_levels(
    kind: type[ApiSettings | WorkerSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NST_LOG_LEVEL", "Warning")
    assert load_settings(kind).log_level == "warning"
    monkeypatch.setenv("NST_LOG_LEVEL", "loud")
    with pytest.raises(InputError, match=r"NST_LOG_LEVEL: .*'debug'"):
        load_settings(kind)


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files and manifests pass variables on that nobody has set."""
    for variable in ("NST_S3_ENDPOINT", "NST_DEVICE_WAIT_SECONDS", "NST_PORT", "NST_WEIGHTS_DIR", "NST_SERVER"):
        monkeypatch.setenv(variable, "")
    assert load_settings(JobSettings).s3_endpoint is None
    assert load_settings(WorkerSettings).device_wait_seconds is None
    assert load_settings(ApiSettings).port == 8000
    assert load_settings(WeightsSettings).weights_dir is None
    assert load_settings(ConnectionSettings).server == "http://127.0.0.1:8000"


REFUSED = [
    (ApiSettings, "NST_ROOT_PATH", "nst", "write a path that begins with a slash, such as /nst"),
    (ApiSettings, "NST_ROOT_PATH", "https://app.example/nst", "write a path that begins with a slash"),
    (ApiSettings, "NST_ROOT_PATH", "/../nst", "write a path that begins with a slash"),
    (ApiSettings, "NST_ROOT_PATH", "/nst/%2e%2E", "write a path that begins with a slash"),
    (ApiSettings, "NST_ROOT_PATH", "/%zz", "write a path that begins with a slash"),
    (ApiSettings, "NST_SECRET", "x", "write at least 8 characters .`openssl rand -hex 32` makes a good one"),
    (ApiSettings, "NST_SECRET", " " * 20, "write at least 8 characters"),
    (WebhookSettings, "NST_SECRET", "letters", "write at least 8 characters"),
    (ApiSettings, "NST_PICTURE_MEMORY_BYTES", "999999999999999999999", "less than or equal to"),
    (ApiSettings, "NST_PICTURE_SECONDS", "99999999999", "less than or equal to 86400"),
    (ApiSettings, "NST_CREATES_PER_MINUTE", "99999999999999999999999", "less than or equal to"),
    (ApiSettings, "NST_BAD_KEYS_PER_MINUTE", "99999999999999999999999", "less than or equal to"),
    (ApiSettings, "NST_PICTURE_URL_SECONDS", "1e300", "valid integer|less than or equal to"),
    (WorkerSettings, "NST_PER_DEVICE", "9999999999", "less than or equal to"),
    (WorkerSettings, "NST_WORKER_THREADS", "9999999999", "less than or equal to"),
    (ApiSettings, "NST_CORS_ORIGINS", "https://app.example/", "such as https://app.example$"),
    (ApiSettings, "NST_CORS_ORIGINS", "https://App.example:443", "such as https://app.example$"),
    (ApiSettings, "NST_CORS_ORIGINS", "app.example", "such as https://app.example$"),
    (ApiSettings, "NST_CORS_ORIGINS", "https://*.example", "such as https://app.example$"),
    (ApiSettings, "NST_CORS_ORIGINS", '["https://app.example"]', "such as https://app.example$"),
    (ApiSettings, "NST_TRUSTED_PROXIES", "nonsense", "write for example 192.0.2.1"),
    (ApiSettings, "NST_TRUSTED_PROXIES", "10.1.2.3/8", "write 10.0.0.0/8$"),
    (ApiSettings, "NST_TRUSTED_PROXIES", "*,10.0.0.0/8", r"\* alone"),
    (ApiSettings, "NST_ALLOWED_HOSTS", "http://my.host/", "write a name or an address only"),
    (ApiSettings, "NST_ALLOWED_HOSTS", "my.host:8000", "write a name or an address only"),
    (ApiSettings, "NST_ALLOWED_HOSTS", "*", "write a name or an address only"),
    (ApiSettings, "NST_HOST", "http://127.0.0.1", "write a name or an address only"),
    (ApiSettings, "NST_HOST", "fe80::1%", "such as fe80::1%eth0"),
    (ApiSettings, "NST_HOST", "fe80::1%a b", "such as fe80::1%eth0"),
    (ApiSettings, "NST_HOST", "nst.lan%eth0", "such as fe80::1%eth0"),
    (ApiSettings, "NST_ALLOWED_HOSTS", "fe80::1%eth0", "write a name or an address only"),
    (ApiSettings, "NST_WEBHOOK_HOSTS", "http://hooks.lan", "write a name or an address only"),
    (ApiSettings, "NST_WEBHOOK_HOSTS", "hooks.lan:99999", "write a port from 1 to 65535"),
    (ApiSettings, "NST_UPLOAD_IDLE_SECONDS", "inf", "finite number"),
    (JobSettings, "NST_DEFAULT_MODEL", "vgg91", "no network is called 'vgg91'; write one of lite, "),
    (JobSettings, "NST_REDIS_URL", "127.0.0.1:6379", "write redis://HOST:PORT"),
    (JobSettings, "NST_REDIS_URL", "http://127.0.0.1:6379", "write redis://HOST:PORT"),
    (JobSettings, "NST_REDIS_URL", "redis://:pass#word@redis:6379/0", "such as # as %23"),
    (JobSettings, "NST_REDIS_URL", "redis://redis:6379/main", "write redis://HOST:PORT/NUMBER"),
    (JobSettings, "NST_REDIS_URL", "unix:///run/redis.sock?db=1", "only database 0 of a Unix socket"),
    (JobSettings, "NST_REDIS_URL", "unix://redis.sock", "unix:///FOLDER/SOCKET"),
    (JobSettings, "NST_S3_ENDPOINT", "minio:9000", "begins with http:// or https://"),
    (JobSettings, "NST_LEASE_SECONDS", "nan", "finite number"),
    (WebhookSettings, "NST_WEBHOOK_DELAYS", "5,-1", "greater than or equal to 0"),
    (WebhookSettings, "NST_WEBHOOK_DELAYS", "5,1e300", "less than or equal to"),
    (ConnectionSettings, "NST_SERVER", "http://", "write one such as http://127.0.0.1:8000"),
    (ConnectionSettings, "NST_SERVER", "localhost:8000", "write one such as http://127.0.0.1:8000"),
    (WeightsSettings, "NST_WEIGHTS_MIRROR", "http://mirror:99999", "is not the URL of a server"),
    (WorkerSettings, "NST_PRIORITIES", ",", "at least 1 item"),
]


@pytest.mark.parametrize(("kind", "variable", "value", "advice"), REFUSED)
def test_a_setting_that_cannot_work_is_refused_and_the_message_says_what_to_write(
    kind: type[BaseSettings], variable: str, value: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InputError, match=f"^{variable}: .*{advice}") as caught:
        load_settings(kind)
    assert "\n" not in str(caught.value)


ALL_KINDS = (ApiSettings, ConnectionSettings, JobSettings, WebhookSettings, WeightsSettings, WorkerSettings)
DURATIONS = [(kind, name) for kind in ALL_KINDS for name in kind.model_fields if name.endswith("_seconds")]


@pytest.mark.parametrize(("kind", "name"), DURATIONS)
def test_a_time_that_no_timer_can_measure_is_refused(
    kind: type[BaseSettings], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Timeouts above 292 years overflow in Python, longer ones in Redis."""
    monkeypatch.setenv(f"NST_{name.upper()}", "99999999999")
    with pytest.raises(InputError, match=f"^NST_{name.upper()}: .*less than or equal to"):
        load_settings(kind)


@pytest.mark.parametrize(
    ("kind", "values", "named"),
    [
        (ApiSettings, {"NST_MAX_FILE_BYTES": "20000", "NST_MAX_BODY_BYTES": "10000"}, "NST_MAX_BODY_BYTES"),
        (JobSettings, {"NST_HEARTBEAT_SECONDS": "30"}, "NST_LEASE_SECONDS"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    kind: type[BaseSettings], values: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in values.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(InputError, match=f"^{next(iter(values))} must be .*{named}"):
        load_settings(kind)


ACCEPTED = [
    (ApiSettings, "root_path", "/nst/", "/nst/"),
    (ApiSettings, "root_path", "/a%20b/.well-known", "/a%20b/.well-known"),
    (JobSettings, "result_ttl_seconds", "9999999999", 9999999999.0),
    (
        ApiSettings,
        "cors_origins",
        "https://app.example, http://[::1]:3000",
        ("https://app.example", "http://[::1]:3000"),
    ),
    (ApiSettings, "cors_origins", "*", ("*",)),
    (ApiSettings, "trusted_proxies", "*", ("*",)),
    (ApiSettings, "trusted_proxies", "127.0.0.1, 172.16.0.0/12, ::1", ("127.0.0.1", "172.16.0.0/12", "::1")),
    (ApiSettings, "allowed_hosts", "NST.lan., 192.0.2.1, ::1", ("nst.lan", "192.0.2.1", "::1")),
    (ApiSettings, "webhook_hosts", "Hooks.lan, 127.0.0.1:9000", ("hooks.lan", "127.0.0.1:9000")),
    (ApiSettings, "host", "FE80::1%Eth0.5", "fe80::1%Eth0.5"),
    (ApiSettings, "max_body_bytes", "1048576", 1048576),
    (JobSettings, "redis_url", "rediss://user:p%23ss@redis:6380/2", "rediss://user:p%23ss@redis:6380/2"),
    (JobSettings, "redis_url", "unix:///run/redis.sock?db=0", "unix:///run/redis.sock?db=0"),
    (JobSettings, "redis_url", "unix:///run/a%23b/redis.sock", "unix:///run/a%23b/redis.sock"),
]


@pytest.mark.parametrize(("kind", "name", "value", "read"), ACCEPTED)
def test_settings_that_work_are_accepted(
    kind: type[BaseSettings], name: str, value: str, read: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"NST_{name.upper()}", value)
    assert getattr(load_settings(kind), name) == read


@pytest.mark.parametrize(
    ("main", "variable", "advice"),
    [(api_main, "NST_ROOT_PATH", "write a path"), (worker_main, "NST_REDIS_URL", "write redis://")],
)
def test_the_processes_say_in_one_line_which_setting_is_wrong(
    main: Callable[[], int | None],
    variable: str,
    advice: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(variable, "nst")
    with pytest.raises(SystemExit) as ended:
        raise SystemExit(main())
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert f"{variable}: {advice}" in told
    assert told.count("\n") == 1
