"""The runner: which job it claims, when it waits, and what it announces."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from structlog.contextvars import get_contextvars

from jobs.connections import connect
from jobs.errors import StorageFull, StoreUnavailable
from jobs.status import Priority, Status
from jobs.worker_registry import WorkerRegistry
from tests.fakes.jobs import new_job
from tests.worker.conftest import Harness, HookedEngine
from worker.attempt import Outcome
from worker.registration import Registration
from worker.runner import STORAGE_WAIT_SECONDS

pytestmark = pytest.mark.anyio


async def test_without_a_waiting_job_nothing_happens(harness: Harness) -> None:
    assert await harness.run() is Outcome.NOTHING


async def test_a_draining_worker_claims_nothing(harness: Harness) -> None:
    job = await harness.create()
    harness.draining = True
    assert await harness.run() is Outcome.NOTHING
    assert (await harness.read(job)).attempt == 0


async def test_a_full_storage_is_waited_for_before_a_claim(harness: Harness) -> None:
    job = await harness.create()
    harness.blobs.check_answers = iter([StorageFull(), StorageFull()])
    assert await harness.run() is Outcome.SUCCEEDED
    assert harness.waits == [STORAGE_WAIT_SECONDS] * 2
    assert (await harness.read(job)).attempt == 1


async def test_a_claim_whose_answer_was_lost_is_found_again(harness: Harness) -> None:
    job = await harness.create()
    runner = harness.runner()
    harness.store.lose_answer = True
    with pytest.raises(StoreUnavailable):
        runner.run_next("lite")
    assert runner.run_next("lite") is Outcome.SUCCEEDED
    assert (await harness.read(job)).attempt == 1


async def test_if_another_job_goes_before_a_draft_a_worker_is_woken_for_the_draft(harness: Harness) -> None:
    info = replace(harness.registration.info, models=("lite", "lite-small"))
    harness.registration = Registration(WorkerRegistry(connect(harness.jobs), harness.jobs), info, seconds=60)
    job = await harness.create()
    draft = new_job(harness.blobs, model="lite-small", params={"preset": "draft"}, priority=Priority.BATCH)
    await harness.client.create(draft)
    harness.queue.notified.clear()
    assert harness.runner().run_next("lite-small") is Outcome.SUCCEEDED
    assert (await harness.read(job)).status is Status.SUCCEEDED
    assert harness.queue.notified == [("lite-small", Priority.BATCH)]


async def test_every_claim_has_a_token_that_was_not_used_before(harness: Harness) -> None:
    jobs, runner = [await harness.create() for _ in range(2)], harness.runner()
    assert [runner.run_next("lite") for _ in jobs] == [Outcome.SUCCEEDED] * 2
    first, second = [(await harness.result(job)).blob.partition("/")[2] for job in jobs]  # result-TOKEN.png
    assert first != second


async def test_logs_during_a_run_name_job_and_request(harness: Harness) -> None:
    seen: list[dict[str, Any]] = []
    harness.engine = HookedEngine(lambda iteration: seen.append(get_contextvars()))
    job = await harness.create()
    harness.runner().run_next("lite")
    assert seen[0] == {"job_id": job.id, "request_id": "req-7"}
    assert get_contextvars() == {}


async def test_the_registration_shows_what_the_worker_is_doing(harness: Harness) -> None:
    seen: list[tuple[str, str | None]] = []
    registration = harness.registration
    harness.engine = HookedEngine(lambda iteration: seen.append((registration.info.state, registration.info.job)))
    job = await harness.create()
    await harness.run()
    assert set(seen) == {("busy", job.id)}
    assert (registration.info.state, registration.info.job) == ("idle", None)
    assert registration.info.speed["lite"] > 0
    assert registration.info.memory_bytes == 123
