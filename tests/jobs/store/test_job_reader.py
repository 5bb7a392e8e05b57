"""Reading jobs: many at once, and the same one again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from jobs.connections import connect_async
from jobs.errors import JobNotFound, UnreadableRecord
from jobs.model import Progress
from jobs.status import Priority, Status
from jobs.store.job_reader import JobReader
from jobs.store.job_store import JobStore
from jobs.store.scripts import AsyncScripts
from tests.jobs.conftest import FakeQueue, Store

pytestmark = pytest.mark.anyio
HOUR = 3600.0


@pytest.fixture
async def scripts(store: Store) -> AsyncIterator[AsyncScripts]:
    redis = connect_async(store.settings)
    yield AsyncScripts(redis, store.settings, "get")
    await redis.aclose()


@pytest.fixture
async def client(store: Store) -> AsyncIterator[JobStore]:
    """A store that caches jobs for an hour; the one in `store` does not."""
    client = JobStore(connect_async(store.settings), FakeQueue(), store.settings, fresh_seconds=HOUR)
    yield client
    await client.aclose()


async def test_a_job_that_has_not_changed_is_the_same_object(store: Store, client: JobStore) -> None:
    job = await store.create()
    assert await client.get(job.id, "ann") is await client.get(job.id, "ann")


async def test_the_place_of_a_waiting_draft_changes_with_the_jobs_before_it(store: Store, client: JobStore) -> None:
    draft = await store.create(model="lite-small", params={"preset": "draft"}, priority=Priority.BATCH)
    for priority in (Priority.INTERACTIVE, Priority.BATCH):
        assert (await client.get(draft.id, "ann")).queue_position == (1 if priority is Priority.INTERACTIVE else 2)
        await store.create(model="lite-small", priority=priority)
    assert (await client.get(draft.id, "ann")).queue_position == 3
    for position in (2, 1):
        store.must_claim("lite-small")
        assert (await client.get(draft.id, "ann")).queue_position == position


async def test_a_change_by_anyone_is_seen_at_once(store: Store, client: JobStore) -> None:
    """A cached job equals one that is read again, except for the seconds that go on."""
    first, job = await store.create(), await store.create()

    async def equals_uncached_read() -> None:
        known, new = await client.get(job.id, "ann"), await store.client.get(job.id, "ann")
        for name in ("status", "version", "queue_position", "queue_eta_seconds", "serving", "attempt", "progress"):
            assert getattr(known, name) == getattr(new, name), name

    await equals_uncached_read()
    await store.client.cancel(first.id, "ann")  # changes the position of the job, but not its record
    await equals_uncached_read()
    assert (await client.get(job.id, "ann")).queue_position == 1
    lease = store.must_claim()
    await equals_uncached_read()
    lease.heartbeat(Progress(iteration=1, total=5))
    await equals_uncached_read()
    await store.client.cancel(job.id, "ann")
    await equals_uncached_read()
    assert (await client.get(job.id, "ann")).cancel_requested_at is not None
    await store.client.delete(job.id, "ann")
    with pytest.raises(JobNotFound):
        await client.get(job.id, "ann")


async def test_a_cached_job_is_still_not_another_owners(store: Store, client: JobStore) -> None:
    job = await store.create()
    await client.get(job.id, "ann")
    with pytest.raises(JobNotFound):
        await client.get(job.id, "bob")
    assert (await client.get(job.id, None)).id == job.id


async def test_jobs_read_together_get_their_own_answers(store: Store, client: JobStore) -> None:
    jobs = [await store.create() for _ in range(5)]
    store.redis.hdel(f"nst:job:{jobs[1].id}", "model")
    store.redis.hset(f"nst:job:{jobs[2].id}", "v", "99")
    asked = [*((job.id, "ann") for job in jobs), (jobs[0].id, "bob"), ("nope", "ann")]
    found = await asyncio.gather(*(client.get(*pair) for pair in asked), return_exceptions=True)
    refused = [UnreadableRecord, UnreadableRecord, JobNotFound, JobNotFound]
    assert [type(found[place]) for place in (1, 2, 5, 6)] == refused
    assert [found[place].id for place in (0, 3, 4)] == [jobs[place].id for place in (0, 3, 4)]  # type: ignore[union-attr]


async def test_counted_seconds_go_on_after_a_while(store: Store, scripts: AsyncScripts) -> None:
    time = 0.0
    found = JobReader(scripts, fresh_seconds=1.0, clock=lambda: time)
    job = await store.create()
    store.must_claim()
    first = await found.get(job.id, "ann")
    time = 0.9
    assert await found.get(job.id, "ann") is first
    time = 1.0
    store.pass_time(job.id, 5)
    again = await found.get(job.id, "ann")
    assert (again.status, again.version) == (Status.RUNNING, first.version)
    assert again.run_seconds > first.run_seconds


async def test_only_the_latest_jobs_are_cached(store: Store, scripts: AsyncScripts) -> None:
    found = JobReader(scripts, fresh_seconds=HOUR, max_jobs=2)
    jobs = [await store.create() for _ in range(3)]
    first = [await found.get(job.id, "ann") for job in jobs]
    again = [await found.get(job.id, "ann") for job in jobs[::-1]]
    assert [any(job is other for other in again) for job in first] == [False, True, True]
