"""What is kept of a job after its pictures have gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jobs.model import Failure, Inputs, Job, Progress, ResultInfo
from jobs.status import Priority, Status
from jobs.store.idempotency import Idempotency
from jobs.store.scripts import Scripts
from tests.jobs.conftest import Store, make_job

pytestmark = pytest.mark.anyio
RESULT = ResultInfo(blob="x", width=40, height=30, bytes=987, sha256="0f1e" * 16, media_type="image/webp")


async def expire(store: Store, job: Job) -> tuple[Job, Job]:
    """Let the pictures of an ended job expire, and return it as it was before and is after that."""
    store.pass_time(job.id, store.settings.result_ttl_seconds)
    before = await store.client.get(job.id, job.owner)
    expired, _ = Scripts(store.redis, store.settings, "expire").run("expire", limit=10)
    assert expired == [job.id]
    return before, await store.client.get(job.id, job.owner)


async def test_a_finished_job_keeps_its_states_times_size_and_hash(store: Store) -> None:
    job = await store.create(priority=Priority.BATCH)
    lease = store.must_claim()
    lease.heartbeat(Progress(iteration=1, total=2))
    store.pass_time(job.id, 5)
    lease.complete(replace(RESULT, blob=f"{job.id}/result-1.webp"))
    before, after = await expire(store, job)
    assert after.result == replace(RESULT, blob="")
    assert after.version > before.version
    dropped = {"params", "inputs", "options", "request_id", "progress", "worker", "result", "version", "expired"}
    for name in Job.__dataclass_fields__.keys() - dropped:
        assert getattr(after, name) == getattr(before, name), name
    assert (after.expired, after.params, after.options.output_format) == (True, {}, "webp")
    assert after.inputs == Inputs(content=after.inputs.content)


async def test_a_failed_job_keeps_the_code_of_its_failure(store: Store) -> None:
    job = await store.create()
    store.must_claim().fail(Failure(code="timeout", message="It took too long, and more words."))
    _, after = await expire(store, job)
    assert (after.status, after.result) == (Status.FAILED, None)
    assert after.failure == Failure(code="timeout", message="The run took longer than allowed.")


async def test_a_job_that_never_ran_keeps_when_it_was_canceled(store: Store) -> None:
    job = await store.create()
    await store.client.cancel(job.id, "ann")
    before, after = await expire(store, job)
    assert (after.status, after.started_at, after.attempt) == (Status.CANCELED, None, 0)
    assert after.cancel_requested_at == before.cancel_requested_at is not None


async def test_it_is_listed_and_can_be_deleted(store: Store) -> None:
    job = await store.create()
    await store.client.cancel(job.id, "ann")
    await expire(store, job)
    assert [found.expired for found in (await store.client.list("ann")).jobs] == [True]
    await store.client.delete(job.id, "ann")
    assert [name for name in store.redis.scan_iter("*") if job.id in name and "events" not in name] == []


async def test_a_deleted_job_frees_an_idempotency_key_that_still_holds(store: Store) -> None:
    key = Idempotency(key="a", fingerprint="f")
    job = await store.client.create(make_job(), idempotency=key)
    await store.client.cancel(job.id, "ann")
    await expire(store, job)
    await store.client.delete(job.id, "ann")
    assert await store.client.reserve_key("ann", key.key) is None


async def test_a_damaged_record_still_expires(store: Store) -> None:
    job = await store.create()
    await store.client.cancel(job.id, "ann")
    store.overwrite(job.id, created="yesterday")
    store.pass_time = lambda *_: None  # type: ignore[method-assign]
    store.redis.zadd("nst:expiry", {job.id: 0})
    expired, _ = Scripts(store.redis, store.settings, "expire").run("expire", limit=10)
    assert expired == [job.id]
    assert store.redis.hget(f"nst:job:{job.id}", "expired") == "1"
