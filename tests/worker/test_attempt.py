"""An attempt: how a claimed job ends, whatever happens on the way."""

from __future__ import annotations

import pytest
from anyio import from_thread

from jobs.connections import connect
from jobs.errors import BlobTooLarge, StorageFull
from jobs.model import Job, OwnerLimits
from jobs.status import Status
from jobs.store.lease import WorkerStore
from jobs.store.reaper import Reaper
from tests.fakes.engine import BROKEN, DIVERGES, TOO_BIG, TOO_BIG_FOR_NOW
from tests.worker.conftest import Harness, HookedEngine
from worker.attempt import Outcome

pytestmark = pytest.mark.anyio


async def take_over(harness: Harness, job: Job) -> None:
    """Let the lease of a job expire, and another worker claim the job."""
    redis = connect(harness.jobs)
    with harness.store.beats.paused:
        redis.zadd("nst:leases", {job.id: 1})
        Reaper(redis, blobs=harness.blobs, queue=harness.queue, settings=harness.jobs).round()
        assert WorkerStore(redis, harness.jobs).claim("lite", worker="w2", token="another") is not None


async def test_a_job_succeeds_with_its_last_progress(harness: Harness) -> None:
    job = await harness.create()
    assert await harness.run() is Outcome.SUCCEEDED
    ended = await harness.read(job)
    assert (ended.status, ended.attempt) == (Status.SUCCEEDED, 1)
    assert ended.progress is not None
    assert (ended.progress.iteration, ended.progress.total) == (5, 5)


@pytest.mark.parametrize(("seed", "code"), [(BROKEN, "internal"), (DIVERGES, "diverged")])
async def test_a_failed_run_fails_the_job_with_its_reason(harness: Harness, seed: int, code: str) -> None:
    job = await harness.create(seed=seed)
    assert await harness.run() is Outcome.FAILED
    failure = await harness.failure(job)
    assert failure.code == code
    assert "ZeroDivision" not in failure.message


async def test_a_cancel_stops_the_run(harness: Harness) -> None:
    job = await harness.create(steps=100)
    assert await harness.run_until(3, lambda: harness.client.cancel(job.id, "ann")) is Outcome.CANCELED
    ended = await harness.read(job)
    assert (ended.status, ended.result) == (Status.CANCELED, None)
    assert "result" not in harness.files(job)


async def test_a_run_over_its_time_fails(harness: Harness) -> None:
    limited = harness.jobs.model_copy(update={"max_run_seconds": 0.001})
    harness.store = type(harness.store)(connect(limited), limited)
    job = await harness.create(steps=100)

    async def nothing() -> None:
        """Let a heartbeat find that the time is over."""

    assert await harness.run_until(1, nothing) is Outcome.FAILED
    assert (await harness.failure(job)).code == "timeout"


async def test_a_drained_job_goes_back_uncounted_and_wakes_up_another_worker(harness: Harness) -> None:
    job = await harness.create(steps=100)
    await harness.run_until_drained(3)
    back = await harness.read(job)
    assert (back.status, back.attempt) == (Status.QUEUED, 0)
    assert len(harness.queue.notified) == 2


async def test_a_draining_worker_still_publishes_a_finished_picture(harness: Harness) -> None:
    job = await harness.create(steps=3)

    async def drain() -> None:
        harness.draining = True

    assert await harness.run_until(3, drain) is Outcome.SUCCEEDED
    assert (await harness.read(job)).status is Status.SUCCEEDED


async def test_a_lost_lease_publishes_nothing(harness: Harness) -> None:
    job = await harness.create(steps=100)
    assert await harness.run_until(3, lambda: take_over(harness, job)) is Outcome.LOST
    assert "result" not in harness.files(job)
    assert (await harness.read(job)).status is Status.RUNNING


async def test_a_lease_lost_at_the_very_end_deletes_the_stored_result(harness: Harness) -> None:
    job = await harness.create(steps=1)
    harness.jobs = harness.jobs.model_copy(update={"heartbeat_seconds": 60.0})  # the run does not learn of the loss
    harness.engine = HookedEngine(lambda iteration: from_thread.run(take_over, harness, job))
    assert await harness.run() is Outcome.LOST
    assert "result" not in harness.files(job)


async def test_out_of_memory_is_tried_again_saving_memory_in_a_fresh_process(harness: Harness) -> None:
    job = await harness.create(seed=TOO_BIG_FOR_NOW)
    assert await harness.run() is Outcome.RETIRE
    assert (await harness.read(job)).memory_saving
    assert await harness.run() is Outcome.SUCCEEDED


async def test_out_of_memory_twice_fails_with_what_would_fit(harness: Harness) -> None:
    job = await harness.create(seed=TOO_BIG)
    await harness.run()
    assert await harness.run() is Outcome.FAILED
    failure = await harness.failure(job)
    assert failure.code == "out_of_memory"
    assert "512" in failure.message


async def test_a_full_storage_hands_the_job_back_uncounted_and_wakes_up_nobody(harness: Harness) -> None:
    job = await harness.create()
    harness.blobs.faults["result"] = StorageFull()
    assert await harness.run() is Outcome.RETURNED
    back = await harness.read(job)
    assert (back.status, back.attempt) == (Status.QUEUED, 0)
    assert len(harness.queue.notified) == 1


async def test_a_result_that_the_storage_rejects_fails_the_job(harness: Harness) -> None:
    job = await harness.create()
    harness.blobs.faults["result"] = BlobTooLarge(10)
    assert await harness.run() is Outcome.FAILED
    assert (await harness.failure(job)).code == "storage_rejected"


async def test_failing_previews_and_checkpoints_do_not_stop_the_run(harness: Harness) -> None:
    harness.jobs = harness.jobs.model_copy(update={"checkpoint_seconds": 0.001})
    harness.checkpoint_share = 1.0
    harness.blobs.faults = {"preview": StorageFull(), "checkpoint": StorageFull()}
    job = await harness.create()

    async def nothing() -> None:
        """Let a heartbeat try to publish a preview."""

    assert await harness.run_until(2, nothing) is Outcome.SUCCEEDED
    assert harness.files(job) == {"content", "style", "result"}


async def test_an_end_that_redis_does_not_store_is_tried_again(harness: Harness) -> None:
    job = await harness.create()
    harness.store.outages = 2
    assert await harness.run() is Outcome.SUCCEEDED
    assert len(harness.waits) == 2
    assert (await harness.read(job)).status is Status.SUCCEEDED


async def test_a_draining_worker_gives_up_an_end_that_redis_does_not_store(harness: Harness) -> None:
    job = await harness.create(steps=1)
    harness.store.outages = 1000

    async def drain() -> None:
        harness.draining = True

    assert await harness.run_until(1, drain) is Outcome.LOST
    assert sum(harness.waits) < 10
    assert (await harness.read(job)).status is Status.RUNNING
    assert "result" not in harness.files(job)


async def test_the_end_of_a_limited_owners_job_wakes_up_a_worker_for_the_next_one(harness: Harness) -> None:
    for _ in range(2):
        await harness.create(limits=OwnerLimits(running=1))
    before = len(harness.queue.notified)
    assert await harness.run() is Outcome.SUCCEEDED
    assert len(harness.queue.notified) == before + 1
    assert await harness.run() is Outcome.SUCCEEDED
    assert len(harness.queue.notified) == before + 1


async def test_a_job_that_goes_back_while_the_broker_is_down_is_left_to_the_reaper(harness: Harness) -> None:
    job = await harness.create(steps=100)
    harness.queue.broken = True
    await harness.run_until_drained(3)
    assert (await harness.read(job)).status is Status.QUEUED


@pytest.mark.parametrize("steps", [5, 9])
async def test_files_that_are_stored_after_the_job_was_deleted_are_deleted(harness: Harness, steps: int) -> None:
    job = await harness.create(steps=steps)

    def store_late(iteration: int) -> None:
        if iteration < 5:
            return
        from_thread.run(harness.client.delete, job.id, "ann")
        for part in ("preview-t.webp", "checkpoint-t-5"):
            harness.blobs.put(f"{job.id}/{part}", b"late")
        if steps > 5:
            harness.store.beats.wait()  # the run learns of it before it ends

    harness.engine = HookedEngine(store_late)
    assert await harness.run() is Outcome.LOST
    assert harness.files(job) == set()


async def test_the_files_stay_if_a_failover_has_lost_the_record(harness: Harness) -> None:
    """The next failover may bring the record back."""
    job = await harness.create(steps=9)

    async def lose_record() -> None:
        connect(harness.jobs).flushall()

    assert await harness.run_until(3, lose_record) is Outcome.LOST
    assert harness.files(job) >= {"content", "style"}
