"""What each key has used on each day."""

from datetime import UTC, date, datetime, timedelta

import pytest

from jobs.connections import connect_async
from jobs.model import Failure, Progress
from jobs.usage import DayUsage, UsageReader
from tests.jobs.conftest import Store, make_result

pytestmark = pytest.mark.anyio
RUN_SECONDS = 7.0


async def usage(store: Store, owner: str | None = None, days: int = 2) -> tuple[DayUsage, ...]:
    """Read the usage of the last days, so that a midnight in mid-test does no harm."""
    today = datetime.now(UTC).date()
    async with connect_async(store.settings) as redis:
        return await UsageReader(redis).read(today - timedelta(days=days - 1), today, owner=owner)


async def test_a_finished_job_counts_itself_its_pixels_and_its_time(store: Store) -> None:
    job = await store.create()
    lease = store.must_claim()
    store.pass_time(job.id, RUN_SECONDS)
    lease.complete(make_result(job))
    (found,) = await usage(store, "ann")
    assert (found.key, found.jobs, found.pixels) == ("ann", 1, 4 * 3)
    assert RUN_SECONDS <= found.device_seconds < 2 * RUN_SECONDS
    assert (await store.client.stats()).totals["pixels"] == 12


async def test_a_film_counts_the_pixels_of_all_its_frames(store: Store) -> None:
    job = await store.create()
    store.must_claim().complete(make_result(job), Progress(iteration=9, total=9, frame=5, frames=5))
    assert [found.pixels for found in await usage(store)] == [4 * 3 * 5]


async def test_every_attempt_counts_its_time_also_those_without_a_picture(store: Store) -> None:
    job = await store.create()
    lease = store.must_claim()
    store.pass_time(job.id, RUN_SECONDS)
    lease.release("drained")
    lease = store.must_claim()
    store.pass_time(job.id, RUN_SECONDS)
    lease.fail(Failure(code="diverged", message="no"))
    (found,) = await usage(store, "ann")
    assert (found.jobs, found.pixels) == (1, 0)
    assert 2 * RUN_SECONDS <= found.device_seconds < 3 * RUN_SECONDS


async def test_a_repeated_end_of_a_job_counts_once(store: Store) -> None:
    job = await store.create()
    lease = store.must_claim()
    for _ in range(2):
        lease.complete(make_result(job))
    assert [found.pixels for found in await usage(store)] == [12]


async def test_a_deleted_job_stays_counted(store: Store) -> None:
    job = await store.create()
    await store.client.delete(job.id, "ann")
    assert [found.jobs for found in await usage(store)] == [1]


async def test_one_owner_sees_its_own_usage_and_nobody_elses(store: Store) -> None:
    await store.create("ann")
    await store.create("bob")
    assert [found.key for found in await usage(store, "bob")] == ["bob"]
    assert [found.key for found in await usage(store)] == ["ann", "bob"]
    assert await usage(store, "eve") == ()


async def test_days_come_in_order_and_the_counters_expire(store: Store) -> None:
    store.redis.hset("nst:usage:10", mapping={"ann|jobs": 3})
    store.redis.hset("nst:usage:12", mapping={"ann|device_ms": 1500})
    async with connect_async(store.settings) as redis:
        found = await UsageReader(redis).read(date(1970, 1, 1), date(1970, 2, 1))
    assert found == (
        DayUsage(key="ann", day=date(1970, 1, 11), jobs=3, pixels=0, device_seconds=0.0),
        DayUsage(key="ann", day=date(1970, 1, 13), jobs=0, pixels=0, device_seconds=1.5),
    )
    await store.create()
    (today,) = [name for name in store.redis.keys("nst:usage:*") if name not in ("nst:usage:10", "nst:usage:12")]
    assert 399 * 86400 < store.redis.ttl(today) <= 400 * 86400
