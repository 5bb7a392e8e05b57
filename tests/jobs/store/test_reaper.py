"""The reaper: lost jobs, missing messages, expired jobs, files without a record."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.connections import connect
from jobs.errors import JobNotFound, StoreUnavailable
from jobs.model import Failure, ResultInfo
from jobs.queue import CeleryQueue, make_celery
from jobs.status import Priority, Status
from jobs.storage.blobs import BlobInfo
from jobs.storage.disk import DiskBlobs
from jobs.store.lease import Checkpoint
from jobs.store.reaper import BATCH, SWEEP_ROUNDS, Reaper
from tests.jobs.conftest import Store, make_job

pytestmark = pytest.mark.anyio
OLD = 10_000.0


@pytest.fixture
def blobs(tmp_path: Path) -> DiskBlobs:
    return DiskBlobs(tmp_path / "blobs")


@pytest.fixture
def reaper(store: Store, blobs: DiskBlobs) -> Reaper:
    return Reaper(connect(store.settings), blobs=blobs, queue=store.queue, settings=store.settings)


def round_again(store: Store, reaper: Reaper) -> None:
    """Do a round although one has just ended, as if its pause and that of the sweep were over."""
    store.redis.delete("nst:reaper", "nst:swept")
    assert reaper.round()


def age(folder: Path, name: str) -> None:
    os.utime(folder / "blobs" / name, (time.time() - OLD, time.time() - OLD))


async def test_a_job_whose_lease_ended_goes_back_to_its_place(store: Store, reaper: Reaper) -> None:
    job = await store.create()
    await store.create()
    store.must_claim()
    store.lose_worker(job.id)
    reaper.round()
    again = await store.client.get(job.id, "ann")
    assert (again.status, again.attempt, again.queue_position) == (Status.QUEUED, 1, 1)


async def test_a_job_with_a_live_lease_is_left_alone(store: Store, reaper: Reaper) -> None:
    job = await store.create()
    store.must_claim()
    reaper.round()
    assert (await store.client.get(job.id, "ann")).status is Status.RUNNING


async def test_the_third_lost_worker_fails_the_job(store: Store, reaper: Reaper) -> None:
    job = await store.create()
    for _ in range(3):
        store.must_claim()
        store.lose_worker(job.id)
        round_again(store, reaper)
    ended = await store.client.get(job.id, "ann")
    assert ended.status is Status.FAILED
    assert ended.failure is not None
    assert (ended.failure.code, ended.attempt) == ("worker_lost", 3)


async def test_attempts_that_were_handed_back_do_not_count(store: Store, reaper: Reaper) -> None:
    job = await store.create()
    for _ in range(5):
        store.must_claim().release("drained")
    store.must_claim()
    store.lose_worker(job.id)
    reaper.round()
    assert (await store.client.get(job.id, "ann")).status is Status.QUEUED


async def test_a_lost_job_that_was_to_be_canceled_is_canceled(store: Store, reaper: Reaper) -> None:
    job = await store.create()
    store.must_claim()
    await store.client.cancel(job.id, "ann")
    store.lose_worker(job.id)
    reaper.round()
    assert (await store.client.get(job.id, "ann")).status is Status.CANCELED


async def test_a_damaged_running_record_fails_and_others_are_recovered(store: Store, reaper: Reaper) -> None:
    odd = await store.create()
    good = await store.create()
    store.must_claim()
    store.must_claim()
    store.overwrite(odd.id, attempt="many")
    for job in (odd, good):
        store.lose_worker(job.id)
    reaper.round()
    store.overwrite(odd.id, attempt="1")
    ended = await store.client.get(odd.id, "ann")
    assert (ended.status, ended.failure and ended.failure.code) == (Status.FAILED, "unsupported_record")
    assert (await store.client.get(good.id, "ann")).status is Status.QUEUED


async def test_waiting_jobs_without_messages_get_them(store: Store, reaper: Reaper) -> None:
    store.queue.broken = True
    for priority in (Priority.BATCH, Priority.INTERACTIVE, Priority.INTERACTIVE):
        await store.create(priority=priority)
    store.queue.broken = False
    reaper.round()
    assert sorted(store.queue.notified) == [("lite", "batch"), ("lite", "interactive"), ("lite", "interactive")]


async def test_messages_that_wait_at_the_broker_are_not_doubled(store: Store, reaper: Reaper) -> None:
    await store.create()
    CeleryQueue(make_celery(store.settings)).notify("lite", Priority.INTERACTIVE)
    store.queue.notified.clear()
    reaper.round()
    assert store.queue.notified == []


async def test_only_one_reaper_works_at_a_time(store: Store, tmp_path: Path) -> None:
    answers = []

    class BusyBlobs(DiskBlobs):
        def list(self) -> Iterator[BlobInfo]:
            answers.append(other.round())
            return super().list()

    redis = connect(store.settings)
    other = Reaper(redis, blobs=DiskBlobs(tmp_path), queue=store.queue, settings=store.settings)
    assert Reaper(redis, blobs=BusyBlobs(tmp_path), queue=store.queue, settings=store.settings).round()
    assert answers == [False]


async def test_reapers_do_not_work_one_right_after_the_other(store: Store, reaper: Reaper) -> None:
    assert reaper.round()
    assert not reaper.round()
    round_again(store, reaper)


async def test_a_reaper_that_fails_gives_the_lock_back(store: Store, reaper: Reaper, blobs: DiskBlobs) -> None:
    store.queue.broken = True
    await store.create()
    with pytest.raises(StoreUnavailable):
        reaper.round()
    store.queue.broken = False
    other = Reaper(connect(store.settings), blobs=blobs, queue=store.queue, settings=store.settings)
    round_again(store, other)


async def test_pictures_go_when_their_time_is_over_and_a_tombstone_stays(
    store: Store, reaper: Reaper, blobs: DiskBlobs
) -> None:
    job = await store.create()
    blobs.put(f"{job.id}/content", b"abc")
    store.must_claim().fail(Failure(code="diverged", message="x"))
    store.pass_time(job.id, store.settings.result_ttl_seconds)
    reaper.round()
    stone = await store.client.get(job.id, "ann")
    assert (stone.expired, stone.status) == (True, Status.FAILED)
    assert list(blobs.list()) == []


async def test_a_tombstone_goes_without_a_trace(store: Store, reaper: Reaper) -> None:
    job = await store.create()
    await store.client.cancel(job.id, "ann")
    store.pass_time(job.id, store.settings.result_ttl_seconds)
    reaper.round()
    store.pass_time(job.id, store.settings.tombstone_ttl_seconds)
    round_again(store, reaper)
    with pytest.raises(JobNotFound):
        await store.client.get(job.id, "ann")
    assert [name for name in store.redis.scan_iter("*") if job.id in name] == []
    assert (await store.client.list("ann")).jobs == ()


async def test_old_files_without_a_record_are_removed_and_new_ones_kept(
    store: Store, reaper: Reaper, blobs: DiskBlobs, tmp_path: Path
) -> None:
    for name in ("nobody/content", "nobody/late"):
        blobs.put(name, b"abc")
    age(tmp_path, "nobody/content")
    reaper.round()
    assert [info.name for info in blobs.list()] == ["nobody/late"]


async def test_a_primary_without_its_replicas_has_no_file_removed(
    store: Store, blobs: DiskBlobs, tmp_path: Path
) -> None:
    """It may have been replaced, and the new primary may have the record."""
    settings = store.settings.model_copy(update={"redis_wait_replicas": 1, "redis_timeout_seconds": 0.02})
    blobs.put("somebody/content", b"abc")
    age(tmp_path, "somebody/content")
    with pytest.raises(StoreUnavailable, match="replicas"):
        Reaper(connect(store.settings), blobs=blobs, queue=store.queue, settings=settings).round()
    assert [info.name for info in blobs.list()] == ["somebody/content"]


async def test_no_job_is_created_whose_files_were_swept(
    store: Store, reaper: Reaper, blobs: DiskBlobs, tmp_path: Path
) -> None:
    late = make_job()
    blobs.put(late.inputs.content.name, b"abc")
    age(tmp_path, late.inputs.content.name)
    reaper.round()
    with pytest.raises(StoreUnavailable) as refusal:
        await store.client.create(late)
    assert refusal.value.refused
    assert store.claim() is None


async def test_old_files_of_a_record_are_kept_and_its_leftovers_removed(
    store: Store, reaper: Reaper, blobs: DiskBlobs, tmp_path: Path
) -> None:
    job = await store.create()
    lease = store.must_claim()
    parts = ("content", "style-0", "result-1.png", "result-lost.png", "checkpoint-1")
    for part in parts:
        blobs.put(f"{job.id}/{part}", b"abc")
        age(tmp_path, f"{job.id}/{part}")
    lease.checkpoint(Checkpoint(blob=f"{job.id}/checkpoint-1", sha256="", iteration=1))
    reaper.round()
    assert len(list(blobs.list())) == len(parts)  # it is running: its worker may be writing them
    name = f"{job.id}/result-1.png"
    lease.complete(ResultInfo(blob=name, width=1, height=1, bytes=3, sha256="", media_type="image/png"))
    round_again(store, reaper)
    assert sorted(info.name.partition("/")[2] for info in blobs.list()) == ["content", "result-1.png", "style-0"]


async def test_a_half_written_file_of_a_dead_writer_is_removed(
    store: Store, reaper: Reaper, blobs: DiskBlobs, tmp_path: Path
) -> None:
    torn = tmp_path / "blobs" / "nobody" / ".content.0badcafe.tmp"
    torn.parent.mkdir(parents=True)
    torn.write_bytes(b"half")
    os.utime(torn, (1, 1))
    reaper.round()
    assert not torn.exists()


async def test_of_all_reapers_one_sweeps_in_a_while(store: Store, tmp_path: Path) -> None:
    sweeps = []

    class WatchedBlobs(DiskBlobs):
        def list(self) -> Iterator[BlobInfo]:
            sweeps.append(self)
            return super().list()

    all_blobs = [WatchedBlobs(tmp_path) for _ in range(2)]
    for blobs in (*all_blobs, all_blobs[0]):
        store.redis.delete("nst:reaper")
        Reaper(connect(store.settings), blobs=blobs, queue=store.queue, settings=store.settings).round()
    assert sweeps == [all_blobs[0]]
    assert 0 < store.redis.pttl("nst:swept") <= SWEEP_ROUNDS * store.settings.reaper_seconds * 1000


async def test_a_slow_sweep_is_followed_by_a_long_pause(store: Store, blobs: DiskBlobs) -> None:
    times = itertools.count(step=30.0)  # each reading of the clock is half a minute later
    slow = Reaper(
        connect(store.settings), blobs=blobs, queue=store.queue, settings=store.settings, clock=lambda: next(times)
    )
    slow.round()
    assert store.redis.pttl("nst:swept") > 10 * SWEEP_ROUNDS * store.settings.reaper_seconds * 1000


async def test_a_round_recovers_and_expires_more_jobs_than_a_script_handles(store: Store, reaper: Reaper) -> None:
    lost = [await store.create() for _ in range(BATCH + 5)]
    for job in lost:
        store.must_claim()
        store.lose_worker(job.id)
    ended = [await store.create() for _ in range(BATCH + 5)]
    for job in ended:
        await store.client.cancel(job.id, "ann")
        store.pass_time(job.id, store.settings.result_ttl_seconds)
    reaper.round()
    assert {(await store.client.get(job.id, "ann")).status for job in lost} == {Status.QUEUED}
    assert all([(await store.client.get(job.id, "ann")).expired for job in ended])
