"""Leases: heartbeats, fencing, finishing, handing back."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.connections import connect
from jobs.model import Failure, Film, Options, OwnerLimits, Preview, Progress
from jobs.status import Status
from jobs.storage.disk import DiskBlobs
from jobs.store.lease import Checkpoint, Instruction
from jobs.store.reaper import Reaper
from jobs.store.scripts import ENDED_EVENTS
from tests.jobs.conftest import Store, make_job, make_result

pytestmark = pytest.mark.anyio
FAILURE = Failure(code="diverged", message="The optimization diverged.")


async def test_the_end_of_a_limited_owners_job_says_that_a_message_is_needed(store: Store) -> None:
    for _ in range(2):
        await store.create("ann", OwnerLimits(running=1))
    assert store.must_claim().fail(FAILURE).needs_wakeup
    assert not store.must_claim().fail(FAILURE).needs_wakeup


async def test_a_heartbeat_renews_the_lease_and_publishes_progress(store: Store, tmp_path: Path) -> None:
    job = await store.create()
    lease = store.must_claim()
    reaper = Reaper(connect(store.settings), blobs=DiskBlobs(tmp_path), queue=store.queue, settings=store.settings)
    store.lose_worker(job.id)
    assert lease.heartbeat(Progress(iteration=3, total=5, loss=0.5)) is Instruction.CONTINUE
    reaper.round()
    assert lease.heartbeat() is Instruction.CONTINUE
    progress = (await store.client.get(job.id, "ann")).progress
    assert progress == Progress(iteration=3, total=5, loss=0.5)


async def test_a_heartbeat_returns_that_the_job_is_to_be_canceled(store: Store) -> None:
    job = await store.create()
    lease = store.must_claim()
    await store.client.cancel(job.id, "ann")
    assert lease.heartbeat() is Instruction.CANCEL


async def test_a_run_over_its_time_is_told_and_then_failed_for_it(store: Store) -> None:
    job = await store.create()
    lease = store.must_claim()
    store.pass_time(job.id, store.settings.max_run_seconds + 1)
    assert lease.heartbeat() is Instruction.TIMEOUT
    store.pass_time(job.id, store.settings.lease_seconds)
    assert lease.heartbeat() is Instruction.LOST
    ended = await store.client.get(job.id, "ann")
    assert ended.failure is not None
    assert ended.failure.code == "timeout"


async def test_the_time_of_a_run_starts_again_with_each_frame_of_a_film(store: Store) -> None:
    job = await store.create()
    lease = store.must_claim()
    for frame in (1, 2):
        store.pass_time(job.id, store.settings.max_run_seconds - 1)
        assert lease.heartbeat(Progress(iteration=frame, total=9, frame=frame, frames=3)) is Instruction.CONTINUE
    store.pass_time(job.id, store.settings.max_run_seconds + 1)
    assert lease.heartbeat(Progress(iteration=8, total=9, frame=2, frames=3)) is Instruction.TIMEOUT


async def test_a_heartbeat_for_a_deleted_job_is_lost(store: Store) -> None:
    job = await store.create()
    lease = store.must_claim()
    await store.client.delete(job.id, "ann")
    assert not lease.deleted
    lease.preview(Preview(blob="x/y", sequence=1, iteration=1, media_type="image/webp"))
    assert lease.heartbeat() is Instruction.LOST
    assert lease.deleted


async def test_a_record_that_a_failover_lost_is_not_a_deleted_job(store: Store) -> None:
    """The next failover, or the client's repeated create, may bring it back, and then it needs its files."""
    new = make_job()
    await store.client.create(new)
    lease = store.must_claim()
    store.redis.flushall()
    assert lease.heartbeat() is Instruction.LOST
    assert not lease.deleted
    assert (await store.client.create(new)).status is Status.QUEUED


async def test_an_old_token_can_do_nothing(store: Store) -> None:
    job = await store.create()
    old = store.must_claim()
    old.release("drained")
    new = store.must_claim()
    before = await store.client.get(job.id, "ann")
    preview = Preview(blob="x/y", sequence=1, iteration=1, media_type="image/webp")
    old.preview(preview)
    assert old.heartbeat(Progress(iteration=1, total=2)) is Instruction.LOST
    assert not old.deleted
    assert old.complete(make_result(job)).status is None
    assert old.fail(FAILURE).status is None
    assert old.cancel().status is None
    assert old.release("drained") is None
    assert not old.checkpoint(Checkpoint(blob="x/y", sha256="", iteration=1))
    after = await store.client.get(job.id, "ann")
    assert (after.version, after.status) == (before.version, Status.RUNNING)
    assert new.complete(make_result(job)).status is Status.SUCCEEDED


async def test_completing_publishes_result_progress_and_expiry(store: Store) -> None:
    job = await store.create()
    result, last = make_result(job), Progress(iteration=5, total=5)
    store.must_claim().complete(result, last)
    ended = await store.client.get(job.id, "ann")
    assert (ended.status, ended.result, ended.progress) == (Status.SUCCEEDED, result, last)
    assert ended.expires_at is not None
    assert ended.finished_at is not None
    assert (ended.expires_at - ended.finished_at).total_seconds() == store.settings.result_ttl_seconds


async def test_a_repeated_complete_gets_the_same_answer(store: Store) -> None:
    job = await store.create()
    lease = store.must_claim()
    assert lease.complete(make_result(job)).status is Status.SUCCEEDED
    assert lease.complete(make_result(job)).status is Status.SUCCEEDED
    assert (await store.client.stats()).totals["succeeded"] == 1


async def test_a_terminal_state_never_changes(store: Store) -> None:
    job = await store.create()
    lease = store.must_claim()
    lease.fail(FAILURE)
    lease.complete(make_result(job))
    lease.release("drained")
    ended = await store.client.get(job.id, "ann")
    assert (ended.status, ended.failure, ended.result) == (Status.FAILED, FAILURE, None)


async def test_a_cancel_that_was_accepted_holds_against_a_ready_picture(store: Store) -> None:
    job = await store.create()
    lease = store.must_claim()
    await store.client.cancel(job.id, "ann")
    assert lease.complete(make_result(job)).status is Status.CANCELED
    assert (await store.client.get(job.id, "ann")).result is None


async def test_handing_back_counts_no_attempt_and_keeps_the_place(store: Store) -> None:
    job = await store.create()
    await store.create()
    assert store.must_claim().release("drained") is Status.QUEUED
    again = await store.client.get(job.id, "ann")
    assert (again.status, again.attempt, again.queue_position, again.worker) == (Status.QUEUED, 0, 1, None)


async def test_a_counted_release_keeps_the_attempt_and_the_memory_mode(store: Store) -> None:
    job = await store.create()
    store.must_claim().release("out_of_memory", counted=True, memory_saving=True)
    again = await store.client.get(job.id, "ann")
    assert (again.attempt, again.memory_saving) == (1, True)


async def test_handing_back_a_job_to_be_canceled_cancels_it(store: Store) -> None:
    job = await store.create()
    lease = store.must_claim()
    await store.client.cancel(job.id, "ann")
    assert lease.release("drained") is Status.CANCELED


async def test_the_next_attempt_finds_the_checkpoint(store: Store) -> None:
    job = await store.create()
    lease = store.must_claim()
    saved = Checkpoint(blob=f"{job.id}/checkpoint-1", sha256="3" * 64, iteration=7)
    assert lease.checkpoint(saved)
    lease.release("drained")
    assert store.must_claim().resume == saved


async def test_a_damaged_note_of_a_checkpoint_is_no_checkpoint(store: Store) -> None:
    job = await store.create()
    store.overwrite(job.id, checkpoint="{not json")
    assert store.must_claim().resume is None


async def test_a_preview_is_published_once_with_the_next_heartbeat(store: Store) -> None:
    job = await store.create()
    preview = Preview(blob=f"{job.id}/preview-1.webp", sequence=1, iteration=2, media_type="image/webp")
    lease = store.must_claim()
    lease.preview(preview)
    lease.heartbeat(Progress(iteration=2, total=5))
    assert (await store.client.get(job.id, "ann")).preview == preview
    events = (await store.client.events({job.id: "0"}))[job.id]
    assert (events[-1].type, events[-1].data["sequence"]) == ("preview", 1)
    assert events[-2].type == "progress"
    lease.heartbeat()
    assert len((await store.client.events({job.id: "0"}))[job.id]) == len(events), "it was published twice"


async def test_run_and_queue_times_add_up_over_attempts(store: Store) -> None:
    job = await store.create()
    store.pass_time(job.id, 4)
    store.must_claim().release("drained")  # after a run of no time
    store.must_claim()
    store.pass_time(job.id, 3)
    store.pass_time(job.id, 2)
    now = await store.client.get(job.id, "ann")
    assert now.run_seconds == pytest.approx(5, abs=1)
    assert now.queue_seconds == pytest.approx(4, abs=1)


async def test_an_ended_job_keeps_only_its_last_events_for_a_while(store: Store) -> None:
    job = await store.create()
    lease = store.must_claim()
    for iteration in range(1, 100):
        lease.heartbeat(Progress(iteration=iteration, total=100))
    lease.fail(FAILURE)
    kept = (await store.client.events({job.id: "0"}))[job.id]
    assert len(kept) == ENDED_EVENTS
    assert kept[-1].type == "completed"
    assert store.redis.pttl(f"nst:events:{job.id}") > 0


async def test_a_whole_film_has_a_limit_over_all_attempts(store: Store) -> None:
    film = Film(frames=3, width=4, height=3)
    job = await store.client.create(make_job(options=Options(film=film, output_format="mp4")))
    for _ in range(2):
        lease = store.must_claim()
        for frame in (1, 2):
            store.pass_time(job.id, store.settings.max_film_run_seconds / 5)
            assert lease.heartbeat(Progress(iteration=frame, total=9, frame=frame, frames=3)) is Instruction.CONTINUE
        lease.release("drained")
    lease = store.must_claim()
    store.pass_time(job.id, store.settings.max_film_run_seconds / 5 + 1)
    assert lease.heartbeat(Progress(iteration=1, total=9, frame=1, frames=3)) is Instruction.TIMEOUT
    store.pass_time(job.id, store.settings.lease_seconds)
    assert lease.heartbeat() is Instruction.LOST
    ended = await store.client.get(job.id, "ann")
    assert ended.failure is not None
    assert ended.failure.code == "timeout"
