"""The API's side of the job store."""

from __future__ import annotations

import asyncio

import pytest

from jobs.connections import connect_async
from jobs.errors import (
    JobNotFound,
    KeyInUse,
    KeyReused,
    QueueFull,
    QuotaExceeded,
    StoreUnavailable,
    UnreadableRecord,
    WrongState,
)
from jobs.model import Failure, OwnerLimits, Progress, new_job_id
from jobs.status import Priority, Status
from jobs.store.idempotency import EarlierRequest, Idempotency
from jobs.store.job_store import JobStore
from tests.jobs.conftest import FakeQueue, Store, make_job

pytestmark = pytest.mark.anyio
KEY = Idempotency(key="order 7", fingerprint="abc")


async def test_a_new_job_is_queued_and_first_in_line(store: Store) -> None:
    new = make_job(params={"steps": 7})
    job = await store.client.create(new)
    assert (job.id, job.status, job.queue_position, job.attempt, job.version) == (new.id, Status.QUEUED, 1, 0, 1)
    assert (job.params, job.inputs, job.request_id) == ({"steps": 7}, new.inputs, "req-1")


async def test_creation_notifies_one_worker_of_network_and_priority(store: Store) -> None:
    await store.create(priority=Priority.BATCH)
    assert store.queue.notified == [("lite", Priority.BATCH)]


async def test_a_broker_that_is_down_does_not_refuse_the_job(store: Store) -> None:
    store.queue.broken = True
    job = await store.create()
    assert (await store.client.get(job.id, "ann")).status is Status.QUEUED


async def test_a_store_that_is_down_raises_store_unavailable(store: Store) -> None:
    settings = store.settings.model_copy(update={"redis_url": "unix:///nowhere/redis.sock"})
    client = JobStore(connect_async(settings), FakeQueue(), settings)
    with pytest.raises(StoreUnavailable):
        await client.create(make_job())


async def test_a_job_that_no_replica_has_is_not_acknowledged_and_may_exist(store: Store) -> None:
    settings = store.settings.model_copy(update={"redis_wait_replicas": 1, "redis_timeout_seconds": 1.0})
    client, new = JobStore(connect_async(settings), FakeQueue(), settings), make_job()
    for attempt in (client.create(new), client.confirm()):
        with pytest.raises(StoreUnavailable, match="replicas") as caught:
            await attempt
        assert not caught.value.refused
    assert (await client.get(new.id, "ann")).status is Status.QUEUED
    await client.aclose()


async def test_creating_the_same_job_twice_makes_one(store: Store) -> None:
    new = make_job()
    await store.client.create(new)
    await store.client.create(new)
    assert len((await store.client.list("ann")).jobs) == 1


async def test_a_job_of_another_owner_is_not_found(store: Store) -> None:
    job = await store.create("ann")
    for call in (store.client.get, store.client.cancel, store.client.delete):
        with pytest.raises(JobNotFound):
            await call(job.id, "bob")
    assert (await store.client.get(job.id, None)).id == job.id


async def test_unknown_job_is_not_found(store: Store) -> None:
    with pytest.raises(JobNotFound):
        await store.client.get(new_job_id(), "ann")


async def test_the_version_grows_with_every_change(store: Store) -> None:
    job = await store.create()
    lease = store.must_claim()
    running = await store.client.get(job.id, "ann")
    lease.heartbeat(Progress(iteration=1, total=5))
    assert job.version < running.version < (await store.client.get(job.id, "ann")).version


async def test_position_is_the_rank_within_own_key_and_priority(store: Store) -> None:
    for _ in range(3):
        await store.create("bob")
    await store.create("ann", priority=Priority.BATCH)
    first, second = await store.create("ann"), await store.create("ann")
    assert (first.queue_position, second.queue_position) == (1, 2)
    store.must_claim()
    store.must_claim()
    store.must_claim()
    assert (await store.client.get(second.id, "ann")).queue_position == 1


async def test_list_is_newest_first_in_pages_and_own_jobs_only(store: Store) -> None:
    made = [(await store.create("ann", id=new_job_id(1_000 + i))).id for i in range(5)]
    await store.create("bob")
    first = await store.client.list("ann", limit=3)
    second = await store.client.list("ann", limit=3, cursor=first.cursor)
    assert [job.id for job in first.jobs + second.jobs] == made[::-1]
    assert second.cursor is None


async def test_list_by_status_follows_the_job(store: Store) -> None:
    one = await store.create(id=new_job_id(1))
    two = await store.create(id=new_job_id(2))
    await store.client.cancel(one.id, "ann")
    assert [job.id for job in (await store.client.list("ann", status=Status.CANCELED)).jobs] == [one.id]
    assert [job.id for job in (await store.client.list("ann", status=Status.QUEUED)).jobs] == [two.id]


async def test_cancel_ends_a_waiting_job_at_once(store: Store) -> None:
    job = await store.create()
    assert (await store.client.cancel(job.id, "ann")).status is Status.CANCELED
    assert store.claim() is None


async def test_cancel_only_asks_a_running_job(store: Store) -> None:
    job = await store.create()
    store.must_claim()
    answer = await store.client.cancel(job.id, "ann")
    assert answer.status is Status.RUNNING
    assert answer.cancel_requested_at is not None


async def test_cancel_of_a_canceled_job_is_repeated_and_of_a_failed_one_refused(store: Store) -> None:
    job = await store.create()
    await store.client.cancel(job.id, "ann")
    assert (await store.client.cancel(job.id, "ann")).status is Status.CANCELED
    other = await store.create()
    store.must_claim().fail(Failure(code="internal", message="x"))
    with pytest.raises(WrongState):
        await store.client.cancel(other.id, "ann")


async def test_delete_leaves_no_key_but_counters_and_fading_events(store: Store) -> None:
    job = await store.client.create(make_job(), idempotency=KEY)
    await store.client.delete(job.id, "ann")
    left = [name for name in store.redis.scan_iter("*") if job.id in name or "owned" in name or "idem" in name]
    assert left == [f"nst:events:{job.id}"]
    assert 0 < store.redis.pttl(left[0]) <= 60_000


async def test_queue_limit_refuses_and_leaves_nothing(store: Store) -> None:
    settings = store.settings.model_copy(update={"queue_limit": 1})
    client = JobStore(connect_async(settings), FakeQueue(), settings)
    await client.create(make_job())
    new = make_job()
    with pytest.raises(QueueFull):
        await client.create(new)
    with pytest.raises(JobNotFound):
        await client.get(new.id, "ann")
    await client.aclose()


async def test_quotas_of_one_owner_do_not_touch_another(store: Store) -> None:
    limits = OwnerLimits(queued=1)
    await store.create("ann", limits)
    with pytest.raises(QuotaExceeded, match="queued"):
        await store.create("ann", limits)
    await store.create("bob", limits)


async def test_jobs_a_day_are_limited_even_if_they_ended(store: Store) -> None:
    limits = OwnerLimits(per_day=1)
    job = await store.create("ann", limits)
    await store.client.cancel(job.id, "ann")
    with pytest.raises(QuotaExceeded, match="per day"):
        await store.create("ann", limits)


async def test_same_key_and_request_give_the_same_job(store: Store) -> None:
    assert await store.client.reserve_key("ann", KEY.key) is None
    first = await store.client.create(make_job(), idempotency=KEY)
    assert await store.client.reserve_key("ann", KEY.key) == EarlierRequest(job_id=first.id, fingerprint="abc")
    assert (await store.client.create(make_job(), idempotency=KEY)).id == first.id


async def test_same_key_and_another_request_are_refused(store: Store) -> None:
    await store.client.create(make_job(), idempotency=KEY)
    with pytest.raises(KeyReused):
        await store.client.create(make_job(), idempotency=Idempotency(key=KEY.key, fingerprint="other"))


async def test_a_key_being_served_is_in_use_until_abandoned(store: Store) -> None:
    await store.client.reserve_key("ann", "k")
    with pytest.raises(KeyInUse):
        await store.client.reserve_key("ann", "k")
    await store.client.release_key("ann", "k")
    assert await store.client.reserve_key("ann", "k") is None


async def test_the_same_key_of_two_owners_are_two_keys(store: Store) -> None:
    first = await store.client.create(make_job("ann"), idempotency=KEY)
    second = await store.client.create(make_job("bob"), idempotency=KEY)
    assert first.id != second.id


async def test_many_creations_with_one_key_at_once_make_one_job(store: Store) -> None:
    jobs = await asyncio.gather(*(store.client.create(make_job(), idempotency=KEY) for _ in range(20)))
    assert len({job.id for job in jobs}) == 1


async def test_events_tell_the_life_of_a_job(store: Store) -> None:
    job = await store.create()
    lease = store.must_claim()
    lease.heartbeat(Progress(iteration=1, total=5))
    lease.cancel()
    events = (await store.client.events({job.id: "0"}))[job.id]
    assert [event.type for event in events] == ["status", "status", "progress", "completed"]
    assert events[-1].data["status"] == "canceled"


async def test_events_go_on_after_the_last_one_seen(store: Store) -> None:
    job = await store.create()
    seen = (await store.client.events({job.id: "0"}))[job.id][-1].id
    assert await store.client.events({job.id: seen}) == {}
    store.must_claim()
    assert [event.data["status"] for event in (await store.client.events({job.id: seen}))[job.id]] == ["running"]


async def test_waiting_for_events_ends_with_the_first_one(store: Store) -> None:
    job = await store.create()
    seen = (await store.client.events({job.id: "0"}))[job.id][-1].id
    waiting = asyncio.create_task(store.client.events({job.id: seen}, block_seconds=2.0))
    await asyncio.sleep(0)
    await store.client.cancel(job.id, "ann")
    assert [event.type for event in (await waiting)[job.id]] == ["completed"]


async def test_a_record_of_an_unknown_version_is_unreadable(store: Store) -> None:
    job = await store.create()
    store.redis.hset(f"nst:job:{job.id}", "v", "99")
    with pytest.raises(UnreadableRecord, match="99"):
        await store.client.get(job.id, "ann")


async def test_a_record_that_cannot_be_read_does_not_hide_the_others_in_a_list(store: Store) -> None:
    odd, good = await store.create(), await store.create()
    store.redis.hset(f"nst:job:{odd.id}", "spec", "{torn")
    assert [job.id for job in (await store.client.list("ann")).jobs] == [good.id]


async def test_an_entry_without_a_record_leaves_the_list(store: Store) -> None:
    gone, good = await store.create(), await store.create()
    store.redis.delete(f"nst:job:{gone.id}")
    assert [job.id for job in (await store.client.list("ann")).jobs] == [good.id]
    assert store.redis.zrange("nst:owned:ann", 0, -1) == [good.id]


async def test_unknown_fields_of_a_newer_release_are_passed_over(store: Store) -> None:
    job = await store.create()
    store.redis.hset(f"nst:job:{job.id}", "mood", "good")
    assert (await store.client.get(job.id, "ann")).id == job.id


async def test_stats_count_what_waits_and_runs(store: Store) -> None:
    for _ in range(3):
        await store.create()
    await store.create(priority=Priority.BATCH)
    store.must_claim()
    stats = await store.client.stats()
    assert stats.waiting == {("lite", Priority.INTERACTIVE): 2, ("lite", Priority.BATCH): 1}
    assert (stats.running, stats.totals["created"]) == (1, 4.0)
