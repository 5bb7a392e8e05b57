"""Claims: which job a worker gets, and what happens to records that it cannot read."""

from __future__ import annotations

import pytest

from jobs.connections import connect
from jobs.errors import StoreUnavailable
from jobs.model import RECORD_VERSION, OwnerLimits, Progress, WorkerInfo
from jobs.settings import JobSettings
from jobs.status import Priority, Status
from jobs.store.lease import WorkerStore
from jobs.worker_registry import WorkerRegistry
from tests.jobs.conftest import Store, make_result

pytestmark = pytest.mark.anyio


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


DRAFT = {"priority": Priority.BATCH, "model": "lite-small", "params": {"preset": "draft"}}


async def test_drafts_go_behind_every_other_job_whoever_sent_it_and_when(store: Store) -> None:
    drafts = [await store.create(owner, **DRAFT) for owner in ("ann", "bob", "ann")]
    batch = await store.create("ann", model="lite-small", priority=Priority.BATCH)
    real = await store.create("eve", model="lite-small")
    order = [store.must_claim("lite-small").job.id for _ in range(5)]
    assert set(order[:2]) == {batch.id, real.id}
    assert order[2:] == [drafts[1].id, drafts[0].id, drafts[2].id], "bob's turn is before ann's"
    assert store.claim("lite-small") is None
    assert (await store.client.stats()).waiting.get(("lite-small", Priority.BATCH), 0) == 0


async def test_a_job_for_another_network_of_the_worker_goes_before_a_draft(store: Store) -> None:
    draft = await store.create(**DRAFT)
    real = await store.create("eve", model="vgg19", priority=Priority.BATCH)
    assert store.must_claim("lite-small", others=["lite", "vgg19"]).job.id == real.id
    later = await store.create("eve", model="vgg19")
    assert store.must_claim("lite-small", others=["lite"]).job.id == draft.id
    assert store.must_claim("vgg19", others=["lite-small"]).job.id == later.id


async def test_other_networks_are_left_alone_where_no_draft_waits(store: Store) -> None:
    await store.create(model="vgg19")
    assert store.claim("lite-small", others=["vgg19"]) is None


async def test_a_draft_that_is_canceled_or_returned_keeps_its_place(store: Store) -> None:
    first, second = [await store.create(**DRAFT) for _ in range(2)]
    await store.client.cancel(first.id, "ann")
    lease = store.must_claim("lite-small")
    assert lease.job.id == second.id
    lease.release("drained")
    assert (await store.client.get(second.id, "ann")).queue_position == 1
    assert store.must_claim("lite-small").job.id == second.id


async def test_the_draft_preset_at_interactive_priority_is_a_job_like_any_other(store: Store) -> None:
    first = await store.create(**(DRAFT | {"priority": Priority.INTERACTIVE}))
    await store.create(model="lite-small")
    assert store.must_claim("lite-small").job.id == first.id


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


@pytest.mark.parametrize("version", ["0", "none"])
async def test_a_record_of_an_unknown_version_fails_and_the_next_job_is_taken(store: Store, version: str) -> None:
    odd = await store.create()
    good = await store.create()
    store.overwrite(odd.id, v=version)
    assert store.must_claim().job.id == good.id
    store.overwrite(odd.id, v=str(RECORD_VERSION))
    ended = await store.client.get(odd.id, "ann")
    assert ended.status is Status.FAILED
    assert ended.failure is not None
    assert ended.failure.code == "unsupported_record"


async def test_a_record_of_a_newer_version_is_left_for_a_newer_worker(store: Store) -> None:
    newer, good = await store.create(), await store.create()
    store.overwrite(newer.id, v=str(RECORD_VERSION + 1))
    assert store.must_claim().job.id == good.id
    assert store.claim() is None
    store.overwrite(newer.id, v=str(RECORD_VERSION))
    left = await store.client.get(newer.id, "ann")
    assert (left.status, left.attempt, left.queue_position) == (Status.QUEUED, 0, 1)


async def test_jobs_for_newer_workers_do_not_hold_up_other_owners(store: Store) -> None:
    for _ in range(60):
        store.overwrite((await store.create()).id, v=str(RECORD_VERSION + 1))
    theirs = await store.create("bob")
    assert store.must_claim().job.id == theirs.id


async def test_a_record_that_cannot_be_read_fails_and_the_next_job_is_taken(store: Store) -> None:
    odd = await store.create()
    good = await store.create()
    store.overwrite(odd.id, spec="{torn")
    assert store.must_claim().job.id == good.id
    assert (await store.client.stats()).totals["failed:unsupported_record"] == 1
    assert store.claim() is None


async def test_an_entry_without_a_record_is_passed_over(store: Store) -> None:
    gone = await store.create()
    good = await store.create()
    store.redis.delete(f"nst:job:{gone.id}")
    assert store.must_claim().job.id == good.id


async def test_the_guess_of_the_wait_comes_from_measured_run_times(store: Store) -> None:
    first = await store.create()
    lease = store.must_claim()
    store.pass_time(first.id, 10)
    lease.complete(make_result(first))
    await store.create()
    second = await store.create()
    assert second.queue_eta_seconds is None  # no worker is alive
    info = WorkerInfo(id="w1", host="here", device="cpu", models=("lite",), priorities=tuple(Priority))
    WorkerRegistry(connect(store.settings), store.settings).announce(info)
    assert (await store.client.get(second.id, "ann")).queue_eta_seconds == pytest.approx(15, abs=2)
    draft = await store.create("bob", params={"preset": "draft"}, priority=Priority.BATCH)
    assert draft.queue_eta_seconds is None  # two jobs go before it
    assert (await store.client.get(second.id, "ann")).queue_eta_seconds == pytest.approx(15, abs=2)
    for _ in range(2):
        store.must_claim()
    assert (await store.client.get(draft.id, "bob")).queue_eta_seconds == pytest.approx(10, abs=2)


async def test_the_guess_of_the_wait_follows_the_running_job(store: Store) -> None:
    first = await store.create()
    lease = store.must_claim()
    store.pass_time(first.id, 10)
    lease.complete(make_result(first))
    info = WorkerInfo(id="w1", host="here", device="cpu", models=("lite",), priorities=tuple(Priority))
    WorkerRegistry(connect(store.settings), store.settings).announce(info)
    running, second, third = [await store.create() for _ in range(3)]

    async def guesses() -> list[float | None]:
        return [(await store.client.get(job.id, "ann")).queue_eta_seconds for job in (second, third)]

    lease = store.must_claim()
    assert await guesses() == pytest.approx([10, 20], abs=2)
    lease.heartbeat(Progress(iteration=2, total=9, eta_seconds=300.0))
    assert await guesses() == pytest.approx([300, 310], abs=2)
    store.redis.zincrby("nst:ends", -100_000, running.id)  # as if 100 seconds had passed
    assert await guesses() == pytest.approx([200, 210], abs=2)
    store.redis.zincrby("nst:ends", -300_000, running.id)
    assert await guesses() == pytest.approx([0, 10], abs=2)
    lease.complete(make_result(running))
    assert not store.redis.exists("nst:ends")


def test_a_store_that_is_down_raises_store_unavailable(job_settings: JobSettings) -> None:
    settings = job_settings.model_copy(update={"redis_url": "unix:///nowhere/redis.sock"})
    with pytest.raises(StoreUnavailable):
        WorkerStore(connect(settings), settings).claim("lite", worker="w", token="t")
