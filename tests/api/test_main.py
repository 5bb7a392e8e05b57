"""The server process: how it starts, and which headers it trusts."""

import gc
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from redis import Redis

from api.app import create_app
from api.main import freeze_gc, server_config, startup_problem
from api.settings import ApiSettings
from jobs.settings import JobSettings
from tests.api.conftest import MakeApi, until
from tests.fakes.s3 import FakeS3

S3 = {"s3_endpoint", "s3_region", "s3_access_key", "s3_secret_key", "s3_timeout_seconds"}


def start(job_settings: JobSettings, **settings: str) -> subprocess.CompletedProcess[str]:
    """Start an API that is expected to give up at once."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NST_")}
    environment |= {f"NST_{name.upper()}": value for name, value in settings.items()}
    environment |= {"NST_REDIS_URL": job_settings.redis_url, "NST_DATA_DIR": str(job_settings.data_dir)}
    command = [sys.executable, "-m", "api.main"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_garbage_collections_skip_objects_made_at_start() -> None:
    before = len(gc.get_objects())
    freeze_gc()
    try:
        assert len(gc.get_objects()) < before / 100
    finally:
        gc.unfreeze()


@pytest.mark.acceptance
def test_without_keys_only_loopback_addresses_are_bound(job_settings: JobSettings) -> None:
    done = start(job_settings, host="0.0.0.0", port="0")
    assert done.returncode == 2
    assert "nst keys create" in json.loads(done.stderr.splitlines()[-1])["event"]


@pytest.mark.acceptance
def test_an_unreachable_redis_ends_the_start_with_its_setting(job_settings: JobSettings, tmp_path: Path) -> None:
    away = job_settings.model_copy(update={"redis_url": f"unix://{tmp_path}/none.sock"})
    done = start(away, host="0.0.0.0", port="0")
    assert (done.returncode, "NST_REDIS_URL" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"storage": "s3://no-such-bucket"}, "there is no such bucket"),
        ({"storage": "s3://b", "s3_endpoint": "http://127.0.0.1:1"}, "it cannot be reached"),
        ({"storage": "file:///proc/nst"}, "The picture storage is not available"),
        ({"redis_url": "redis://127.0.0.1:1"}, "Redis is not reachable (NST_REDIS_URL)"),
    ],
)
def test_a_storage_or_redis_that_cannot_be_used_is_a_startup_problem(
    job_settings: JobSettings, s3: FakeS3, settings: dict[str, str], told: str
) -> None:
    reason = startup_problem(job_settings.model_copy(update=s3.settings("b").model_dump(include=S3) | settings))
    assert reason is not None and told in reason


def test_a_wrong_redis_password_is_a_startup_problem(job_settings: JobSettings) -> None:
    with Redis.from_url(job_settings.redis_url, protocol=2) as client:
        client.config_set("requirepass", "secret")
        try:
            reason = startup_problem(job_settings)
        finally:
            client.execute_command("AUTH", "secret")
            client.config_set("requirepass", "")
    assert reason is not None and reason.startswith("Redis refuses the user or password of NST_REDIS_URL")


def test_a_full_disk_is_no_startup_problem(job_settings: JobSettings) -> None:
    assert startup_problem(job_settings.model_copy(update={"storage_min_free_bytes": 1 << 62})) is None


@pytest.mark.parametrize(
    ("trusted", "expected"), [(("10.0.0.1",), [401, 401]), (("10.0.0.2",), [401, 429]), ((), [401, 429])]
)
@pytest.mark.anyio
async def test_forwarded_addresses_are_trusted_only_from_listed_proxies(
    make_api: MakeApi, trusted: tuple[str, ...], expected: list[int]
) -> None:
    """Wrong keys are counted by address: a proxy's clients apart, a liar's together."""
    api = await make_api(bad_keys_per_minute=1, trusted_proxies=trusted)
    config = server_config(api.app, ApiSettings(trusted_proxies=trusted))
    config.load()
    transport = httpx.ASGITransport(app=config.loaded_app, client=("10.0.0.1", 1))
    statuses = []
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        for address in ("1.1.1.1", "2.2.2.2"):
            headers = {"Authorization": "Bearer nst_wrong", "X-Forwarded-For": address}
            statuses.append((await http.get("/v1/jobs", headers=headers)).status_code)
    assert statuses == expected


def test_an_app_can_be_made_without_a_connection() -> None:
    assert create_app(ApiSettings(), JobSettings(redis_url="unix:///nowhere")).title == "nst"


@pytest.mark.anyio
async def test_the_api_removes_folders_that_a_killed_process_left(make_api: MakeApi, job_settings: JobSettings) -> None:
    incoming = job_settings.data_dir / "incoming"
    for name, age in (("upload-old", 1000), ("upload-new", 0)):
        (incoming / name).mkdir(parents=True)
        os.utime(incoming / name, (time.time() - age,) * 2)
    await make_api(jobs={"upload_timeout_seconds": 300.0})
    await until(lambda: [path.name for path in incoming.iterdir()] == ["upload-new"])
