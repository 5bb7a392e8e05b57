import pytest

from api.settings import ApiSettings
from cli.errors import InputError
from cli.settings import ConnectionSettings, WeightsSettings, load_settings
from jobs.settings import JobSettings
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
