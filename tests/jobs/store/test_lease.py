"""The worker's side of the job store: claims, fencing, finishing, handing back."""

from __future__ import annotations

import pytest

from jobs.connections import connect
from jobs.errors import StoreUnavailable
from jobs.model import Failure, Job, OwnerLimits, Preview, Progress, ResultInfo
from jobs.status import Priority, Status
from jobs.store.lease import Checkpoint, Verdict, WorkerStore
from jobs.store.scripts import ENDED_EVENTS
from tests.jobs.conftest import Store

pytestmark = pytest.mark.anyio
FAILURE = Failure(code="diverged", message="The optimisation diverged.")


def result_of(job: Job) -> ResultInfo:
    return ResultInfo(
        blob=f"{job.id}/result-1.png", width=4, height=3, bytes=9, sha256="2" * 64, media_type="image/png"
    )


async def test_a_claim_makes_the_job_running_with_an_attempt_and_a_worker(store: Store) -> None:
    job = await store.create()
    lease = store.must_claim(worker="w7")
    assert (lease.job.id, lease.job.status, lease.job.attempt, lease.job.worker) == (job.id, Status.RUNNING, 1, "w7")


async def test_nothing_waiting_is_no_error(store: Store) -> None:
    assert store.claim() is None


async def test_a_job_is_claimed_once(store: Store) -> None:
    await store.create()
    store.must_claim()
    assert store.claim() is None


async def test_a_repeated_claim_finds_the_job_it_took(store: Store) -> None:
    job = await store.create()
    await store.create()
    store.must_claim(token="same")
    again = store.must_claim(token="same")
    assert (again.job.id, again.job.attempt) == (job.id, 1)


async def test_a_token_whose_job_was_taken_back_claims_anew(store: Store) -> None:
    await store.create()
    store.must_claim(token="same").release("drained")
    assert store.must_claim(token="same").job.attempt == 1


async def test_a_claim_takes_only_jobs_of_its_network(store: Store) -> None:
    await store.create(model="vgg19")
    assert store.claim("lite") is None
    assert store.claim("vgg19") is not None


async def test_owners_take_turns_whatever_they_have_waiting(store: Store) -> None:
    for _ in range(6):
        await store.create("flood")
    await store.create("ann")
    await store.create("bob")
    owners = [store.must_claim().job.owner for _ in range(5)]
    assert owners == ["flood", "ann", "bob", "flood", "flood"]


async def test_one_job_at_a_time_gains_no_place_in_the_line(store: Store) -> None:
    for _ in range(3):
        await store.create("ann")
    owners = []
    for _ in range(4):
        await store.create("quick")
        owners.append(store.must_claim().job.owner)
    assert owners == ["ann", "quick", "ann", "quick"]


async def test_interactive_goes_before_batch_and_old_before_new(store: Store) -> None:
    batch = await store.create(priority=Priority.BATCH)
    first = await store.create()
    second = await store.create()
    assert [store.must_claim().job.id for _ in range(3)] == [first.id, second.id, batch.id]


async def test_batch_is_not_starved_by_interactive(store: Store) -> None:
    for _ in range(8):
        await store.create()
    for _ in range(2):
        await store.create(priority=Priority.BATCH)
    order = [store.must_claim().job.priority for _ in range(8)]
    assert [number for number, priority in enumerate(order, 1) if priority is Priority.BATCH] == [4, 8]


async def test_a_worker_for_batch_alone_leaves_interactive_jobs(store: Store) -> None:
    await store.create()
    batch = await store.create(priority=Priority.BATCH)
    assert store.must_claim(priorities=(Priority.BATCH,)).job.id == batch.id
    assert store.claim(priorities=(Priority.BATCH,)) is None


async def test_an_owner_at_its_running_limit_waits_while_others_go_on(store: Store) -> None:
    for _ in range(2):
        await store.create("ann", OwnerLimits(running=1))
    await store.create("bob")
    assert [store.must_claim().job.owner for _ in range(2)] == ["ann", "bob"]
    assert store.claim() is None


async def test_the_end_of_a_limited_owners_job_says_that_a_message_is_needed(store: Store) -> None:
    for _ in range(2):
        await store.create("ann", OwnerLimits(running=1))
    assert store.must_claim().fail(FAILURE).needs_wakeup
    assert not store.must_claim().fail(FAILURE).needs_wakeup


async def test_a_heartbeat_renews_the_lease_and_publishes_progress(store: Store) -> None:
    job = await store.create()
    lease = store.must_claim()
    store.end_lease(job.id)
    assert lease.heartbeat(Progress(iteration=3, total=5, loss=0.5)) is Verdict.CONTINUE
    assert store.redis.zscore("nst:leases", job.id) > 1
    progress = (await store.client.get(job.id, "ann")).progress
    assert progress == Progress(iteration=3, total=5, loss=0.5)


async def test_a_heartbeat_brings_the_wish_to_cancel(store: Store) -> None:
    job = await store.create()
    lease = store.must_claim()
    await store.client.cancel(job.id, "ann")
    assert lease.heartbeat() is Verdict.CANCEL


async def test_a_run_over_its_time_is_told_and_then_failed_for_it(store: Store) -> None:
    job = await store.create()
    lease = store.must_claim()
    record = f"nst:job:{job.id}"
    started = int(store.redis.hget(record, "claimed") or 0)
    store.redis.hset(record, "deadline", started - 1)
    assert lease.heartbeat() is Verdict.TIMEOUT
    store.redis.hset(record, "deadline", started - 60_000)
    assert lease.heartbeat() is Verdict.LOST
    ended = await store.client.get(job.id, "ann")
    assert ended.failure is not None
    assert ended.failure.code == "timeout"


async def test_a_heartbeat_for_a_deleted_job_is_lost(store: Store) -> None:
    job = await store.create()
    lease = store.must_claim()
    await store.client.delete(job.id, "ann")
    assert lease.heartbeat() is Verdict.LOST


async def test_an_old_token_can_do_nothing(store: Store) -> None:
    job = await store.create()
    old = store.must_claim()
    old.release("drained")
    new = store.must_claim()
    before = await store.client.get(job.id, "ann")
    preview = Preview(blob="x/y", sequence=1, iteration=1, media_type="image/webp")
    assert old.heartbeat(Progress(iteration=1, total=2)) is Verdict.LOST
    assert old.complete(result_of(job)).status is None
    assert old.fail(FAILURE).status is None
    assert old.cancel().status is None
    assert old.release("drained") is None
    assert not old.preview(preview)
    assert not old.checkpoint(Checkpoint(blob="x/y", sha256="", iteration=1))
    after = await store.client.get(job.id, "ann")
    assert (after.version, after.status) == (before.version, Status.RUNNING)
    assert new.complete(result_of(job)).status is Status.SUCCEEDED


async def test_completing_publishes_result_progress_and_expiry(store: Store) -> None:
    job = await store.create()
    result, last = result_of(job), Progress(iteration=5, total=5)
    store.must_claim().complete(result, last)
    ended = await store.client.get(job.id, "ann")
    assert (ended.status, ended.result, ended.progress) == (Status.SUCCEEDED, result, last)
    assert ended.expires_at is not None
    assert ended.finished_at is not None
    assert (ended.expires_at - ended.finished_at).total_seconds() == store.settings.result_ttl_seconds


async def test_a_repeated_complete_gets_the_same_answer(store: Store) -> None:
    job = await store.create()
    lease = store.must_claim()
    assert lease.complete(result_of(job)).status is Status.SUCCEEDED
    assert lease.complete(result_of(job)).status is Status.SUCCEEDED
    assert (await store.client.stats()).totals["succeeded"] == 1


async def test_a_terminal_state_never_changes(store: Store) -> None:
    job = await store.create()
    lease = store.must_claim()
    lease.fail(FAILURE)
    lease.complete(result_of(job))
    lease.release("drained")
    ended = await store.client.get(job.id, "ann")
    assert (ended.status, ended.failure, ended.result) == (Status.FAILED, FAILURE, None)


async def test_a_cancel_that_was_accepted_holds_against_a_ready_picture(store: Store) -> None:
    job = await store.create()
    lease = store.must_claim()
    await store.client.cancel(job.id, "ann")
    assert lease.complete(result_of(job)).status is Status.CANCELED
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
    store.redis.hset(f"nst:job:{job.id}", "checkpoint", "{not json")
    assert store.must_claim().resume is None


async def test_previews_are_told_as_events(store: Store) -> None:
    job = await store.create()
    preview = Preview(blob=f"{job.id}/preview-1.webp", sequence=1, iteration=2, media_type="image/webp")
    store.must_claim().preview(preview)
    assert (await store.client.get(job.id, "ann")).preview == preview
    events = (await store.client.events({job.id: "0"}))[job.id]
    assert (events[-1].type, events[-1].data["sequence"]) == ("preview", 1)


@pytest.mark.parametrize("version", ["0", "none"])
async def test_a_record_of_an_unknown_version_fails_and_the_next_job_is_taken(store: Store, version: str) -> None:
    odd = await store.create()
    good = await store.create()
    store.redis.hset(f"nst:job:{odd.id}", "v", version)
    assert store.must_claim().job.id == good.id
    assert store.redis.hget(f"nst:job:{odd.id}", "status") == "failed"
    assert "unsupported_record" in (store.redis.hget(f"nst:job:{odd.id}", "failure") or "")


async def test_a_record_of_a_newer_version_is_left_for_a_newer_worker(store: Store) -> None:
    newer, good = await store.create(), await store.create()
    store.redis.hset(f"nst:job:{newer.id}", "v", "99")
    assert store.must_claim().job.id == good.id
    assert store.claim() is None
    assert store.redis.hget(f"nst:job:{newer.id}", "status") == "queued"


async def test_jobs_for_newer_workers_do_not_hold_up_other_owners(store: Store) -> None:
    for _ in range(60):
        store.redis.hset(f"nst:job:{(await store.create()).id}", "v", 99)
    theirs = await store.create("bob")
    assert store.must_claim().job.id == theirs.id


async def test_a_record_that_cannot_be_read_fails_and_the_next_job_is_taken(store: Store) -> None:
    odd = await store.create()
    good = await store.create()
    store.redis.hset(f"nst:job:{odd.id}", "spec", "{torn")
    assert store.must_claim().job.id == good.id
    assert store.redis.hget(f"nst:job:{odd.id}", "status") == "failed"


async def test_an_entry_without_a_record_is_passed_over(store: Store) -> None:
    gone = await store.create()
    good = await store.create()
    store.redis.delete(f"nst:job:{gone.id}")
    assert store.must_claim().job.id == good.id


async def test_run_and_queue_times_add_up_over_attempts(store: Store) -> None:
    job = await store.create()
    record = f"nst:job:{job.id}"
    store.must_claim()
    store.redis.hincrby(record, "claimed", -5_000)
    store.redis.hincrby(record, "created", -9_000)
    now = await store.client.get(job.id, "ann")
    assert now.run_seconds == pytest.approx(5, abs=1)
    assert now.queue_seconds == pytest.approx(4, abs=1)


async def test_the_guess_of_the_wait_comes_from_measured_run_times(store: Store) -> None:
    first = await store.create()
    lease = store.must_claim()
    store.redis.hincrby(f"nst:job:{first.id}", "claimed", -10_000)
    lease.complete(result_of(first))
    await store.create()
    second = await store.create()
    assert second.queue_eta_seconds is None  # nobody is there to run it
    store.redis.zadd("nst:serving:lite", {"w1": 9e12})
    assert (await store.client.get(second.id, "ann")).queue_eta_seconds == pytest.approx(15, abs=2)


async def test_an_ended_job_keeps_only_its_last_events_for_a_while(store: Store) -> None:
    job = await store.create()
    lease = store.must_claim()
    for iteration in range(1, 100):
        lease.heartbeat(Progress(iteration=iteration, total=100))
    lease.fail(FAILURE)
    assert store.redis.xlen(f"nst:events:{job.id}") == ENDED_EVENTS
    assert store.redis.pttl(f"nst:events:{job.id}") > 0


def test_a_store_that_is_down_raises_store_unavailable(job_settings: object) -> None:
    from jobs.settings import JobSettings

    assert isinstance(job_settings, JobSettings)
    settings = job_settings.model_copy(update={"redis_url": "unix:///nowhere/redis.sock"})
    with pytest.raises(StoreUnavailable):
        WorkerStore(connect(settings), settings).claim("lite", worker="w", token="t")
