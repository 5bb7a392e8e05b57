"""The scripts run on the server that `nst[embedded]` brings; the other tests use the one on PATH if there is one."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.status import Status
from tests.jobs.conftest import Store, make_result
from tests.stack.redis import running_redis

pytestmark = pytest.mark.anyio


@pytest.fixture
def redis_url(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """Run the bundled server: none is on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with tempfile.TemporaryDirectory(prefix="nst-") as folder, running_redis(Path(folder)) as files:
        yield files.url


async def test_a_job_is_created_claimed_and_completed(store: Store) -> None:
    assert store.redis.info("server")["server_name"] == "valkey"
    job = await store.create()
    lease = store.must_claim()
    assert lease.complete(make_result(lease.job))
    assert (await store.client.get(job.id, "ann")).status is Status.SUCCEEDED


async def test_a_canceled_job_is_not_claimed(store: Store) -> None:
    job = await store.create()
    await store.client.cancel(job.id, "ann")
    assert store.claim() is None
