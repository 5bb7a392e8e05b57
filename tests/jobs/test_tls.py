"""Redis over TLS, by its address and by that of a sentinel: every client of ours checks the certificate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from jobs.connections import connect, connect_async
from jobs.queue import CeleryQueue, make_celery
from jobs.settings import JobSettings
from jobs.status import Priority
from tests.fakes.redis_over_tls import SERVICE, redis_over_tls
from tests.fakes.web_server import write_certificate

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["rediss://localhost:{redis}/0", "rediss+sentinel://localhost:{sentinel}/{service}"])
def settings(request: pytest.FixtureRequest, job_settings: JobSettings, tmp_path: Path) -> Iterator[JobSettings]:
    """Return settings that reach the Redis of the test over TLS."""
    socket = Path(job_settings.redis_url.removeprefix("unix://"))
    certificate = write_certificate(tmp_path)
    with redis_over_tls(socket, certificate) as ports:
        url = request.param.format(redis=ports.port, sentinel=ports.sentinel_port, service=SERVICE)
        yield job_settings.model_copy(update={"redis_url": url})


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))


@pytest.fixture
def other_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust another certificate alone, because the system's list takes long to load; do not wait between attempts."""
    monkeypatch.setattr("redis.retry.sleep", lambda _: None)
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(write_certificate(tmp_path / "other")))


@pytest.mark.usefixtures("trusted")
async def test_store_and_queue_work_over_tls(settings: JobSettings, job_settings: JobSettings) -> None:
    with connect(settings) as client:
        client.set("nst:a", "1")
    async with connect_async(settings) as client_of_the_api:
        assert await client_of_the_api.get("nst:a") == "1"
    with make_celery(settings) as app:
        CeleryQueue(app).notify("lite", Priority.INTERACTIVE)
    with connect(job_settings) as direct:
        assert direct.llen("nst:run.lite.interactive") == 1


@pytest.mark.usefixtures("other_trusted")
async def test_a_server_with_an_unknown_certificate_is_refused(settings: JobSettings) -> None:
    with connect(settings) as client, pytest.raises(redis.ConnectionError):
        client.ping()
    async with connect_async(settings) as client_of_the_api:
        with pytest.raises(redis.ConnectionError):
            await client_of_the_api.ping()
    with make_celery(settings) as app, app.connection_for_write() as broker, pytest.raises(redis.ConnectionError):
        broker.channel().client.ping()
