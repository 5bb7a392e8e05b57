"""The API as a process: how it starts, whom it believes, and a webhook on its whole way."""

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis
from standardwebhooks.webhooks import Webhook

from api.app import create_app
from api.main import freeze_gc, server_config, startup_problem
from api.settings import ApiSettings
from jobs.connections import connect
from jobs.service_secret import service_secret_now, webhook_secret
from jobs.settings import JobSettings
from tests.api.conftest import MakeApi, form
from tests.fakes.s3 import FakeS3
from tests.stack.stack import Stack

S3 = {"s3_endpoint", "s3_region", "s3_access_key", "s3_secret_key", "s3_timeout_seconds"}


def start(job_settings: JobSettings, **settings: str) -> subprocess.CompletedProcess[str]:
    """Start an API that is expected to give up at once."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NST_")}
    environment |= {f"NST_{name.upper()}": value for name, value in settings.items()}
    environment |= {"NST_REDIS_URL": job_settings.redis_url, "NST_DATA_DIR": str(job_settings.data_dir)}
    command = [sys.executable, "-m", "api.main"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_garbage_collections_pass_over_what_start_up_made() -> None:
    before = len(gc.get_objects())
    freeze_gc()
    try:
        assert len(gc.get_objects()) < before / 100
    finally:
        gc.unfreeze()


@pytest.mark.acceptance
def test_without_keys_other_addresses_are_not_bound(job_settings: JobSettings) -> None:
    done = start(job_settings, host="0.0.0.0", port="0")
    assert done.returncode == 2
    assert "nst keys create" in json.loads(done.stderr.splitlines()[-1])["event"]


@pytest.mark.acceptance
def test_a_redis_that_is_not_there_is_said(job_settings: JobSettings, tmp_path: Path) -> None:
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
def test_what_cannot_be_used_is_said(
    job_settings: JobSettings, s3: FakeS3, settings: dict[str, str], told: str
) -> None:
    reason = startup_problem(job_settings.model_copy(update=s3.settings("b").model_dump(include=S3) | settings))
    assert reason is not None and told in reason


def test_a_wrong_password_is_said(job_settings: JobSettings) -> None:
    with Redis.from_url(job_settings.redis_url, protocol=2) as client:
        client.config_set("requirepass", "secret")
        try:
            reason = startup_problem(job_settings)
        finally:
            client.execute_command("AUTH", "secret")
            client.config_set("requirepass", "")
    assert reason is not None and reason.startswith("Redis refuses the user or password of NST_REDIS_URL")


def test_a_full_disk_is_no_reason_not_to_start(job_settings: JobSettings) -> None:
    assert startup_problem(job_settings.model_copy(update={"storage_min_free_bytes": 1 << 62})) is None


@pytest.mark.parametrize(
    ("trusted", "expected"), [(("10.0.0.1",), [401, 401]), (("10.0.0.2",), [401, 429]), ((), [401, 429])]
)
@pytest.mark.anyio
async def test_forwarded_addresses_are_believed_from_listed_proxies_only(
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


@pytest.mark.anyio
async def test_what_a_killed_api_left_of_a_body_is_removed(make_api: MakeApi, job_settings: JobSettings) -> None:
    incoming = job_settings.data_dir / "incoming"
    for name, age in (("upload-old", 1000), ("upload-new", 0)):
        (incoming / name).mkdir(parents=True)
        os.utime(incoming / name, (time.time() - age,) * 2)
    await make_api(jobs={"upload_timeout_seconds": 300.0})
    deadline = time.monotonic() + 10
    while (incoming / "upload-old").exists() and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    assert [path.name for path in incoming.iterdir()] == ["upload-new"]


def test_an_app_can_be_made_without_any_service() -> None:
    assert create_app(ApiSettings(), JobSettings(redis_url="unix:///nowhere")).title == "nst"


@pytest.mark.acceptance
def test_a_webhook_arrives_signed_and_is_tried_until_it_is_taken(service: Stack) -> None:
    seen: list[tuple[dict[str, str], bytes]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(500 if len(seen) < 3 else 204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    key, key_secret = service.create_key()
    try:
        url = f"http://127.0.0.1:{server.server_port}/hook"
        headers = {"Authorization": f"Bearer {key_secret}", "Prefer": "wait=30"}
        job: dict[str, Any] = httpx.post(
            f"{service.url}/v1/jobs", files=form(steps="2", webhook_url=url), headers=headers, timeout=60
        ).json()
        deadline = time.monotonic() + 30
        while len(seen) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)  # real processes: there is no clock to inject
    finally:
        server.shutdown()
        server.server_close()
    assert len(seen) == 3
    with connect(service.settings) as redis:
        secret = webhook_secret(service_secret_now(redis), key.id)
    for given, body in seen:
        told = Webhook(secret).verify(body, given)
        assert (told["type"], told["data"]["id"]) == ("job.succeeded", job["id"])
    assert len({given["webhook-id"] for given, _ in seen}) == 1
