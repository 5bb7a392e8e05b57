"""The cost of a call does not grow with the number of jobs, and an ended job takes little memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from jobs.model import Progress, ResultInfo
from jobs.status import Status
from jobs.store.scripts import Scripts
from nst_engine.spec.presets import resolve
from tests.jobs.conftest import Store
from tests.stack.redis import count_commands

pytestmark = pytest.mark.anyio
MANY = 1000
FINISHED = 60
MOST_BYTES = 8 * 1024


async def commands_of(store: Store, call: Callable[[], Awaitable[object]]) -> int:
    """Count the Redis commands of a call, including those in scripts."""

    before = count_commands(store.redis)
    await call()
    return count_commands(store.redis) - before


async def costs(store: Store, job_id: str) -> dict[str, int]:
    return {
        "create": await commands_of(store, lambda: store.create()),
        "get": await commands_of(store, lambda: store.client.get(job_id, "ann")),
        "list": await commands_of(store, lambda: store.client.list("ann", limit=10)),
        "list by status": await commands_of(store, lambda: store.client.list("ann", status=Status.QUEUED, limit=10)),
    }


async def test_calls_cost_the_same_with_a_thousand_jobs_waiting(store: Store) -> None:
    first = await store.create()
    for _ in range(20):
        await store.create()
    await costs(store, first.id)  # loads the scripts
    with_few = await costs(store, first.id)
    for _ in range(MANY):
        await store.create()
    assert await costs(store, first.id) == with_few
    assert (await store.client.stats()).waiting[("lite", first.priority)] > MANY


async def test_a_finished_job_takes_no_more_than_eight_kibibytes_of_redis(store: Store) -> None:
    """Its events, which expire after a minute, do not count."""
    params = resolve("default").model_dump(mode="json")

    async def finish_one() -> None:
        job = await store.create(params=params)
        lease = store.must_claim()
        for iteration in range(1, 16):
            lease.heartbeat(Progress(iteration=iteration, total=30, loss=1 / 3, style_loss=1 / 7, eta_seconds=1 / 9))
        name = f"{job.id}/result-0123456789abcdef01234567.png"
        lease.complete(ResultInfo(blob=name, width=512, height=512, bytes=9, sha256="2" * 64, media_type="image/png"))
        assert 0 < store.redis.pttl(f"nst:events:{job.id}") <= 60_000
        store.redis.delete(f"nst:events:{job.id}")

    for _ in range(20):
        await finish_one()
    before = store.redis.info("memory")["used_memory_dataset"]
    for _ in range(FINISHED):
        await finish_one()
    each = (store.redis.info("memory")["used_memory_dataset"] - before) / FINISHED
    assert 500 < each <= MOST_BYTES, f"{each:.0f} bytes"


async def test_the_record_of_an_expired_job_takes_at_most_300_bytes(store: Store) -> None:
    """What it still says is in test_tombstones.py."""
    job = await store.create("k0123456789abcdef", params=resolve("default").model_dump(mode="json"))
    lease = store.must_claim(worker="a-host-with-a-long-name-1234-abcdef")
    lease.heartbeat(Progress(iteration=1, total=30, loss=1 / 3, style_loss=1 / 7, eta_seconds=1 / 9))
    name = f"{job.id}/result-0123456789abcdef01234567.png"
    lease.complete(
        ResultInfo(blob=name, width=1024, height=768, bytes=1234567, sha256="2f" * 32, media_type="image/jpeg")
    )
    store.pass_time(job.id, store.settings.result_ttl_seconds)
    Scripts(store.redis, store.settings, "expire").run("expire", limit=1)
    assert store.redis.memory_usage(f"nst:job:{job.id}") <= 300
