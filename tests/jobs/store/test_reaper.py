"""The reaper: lost jobs, missing messages, things past their time."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path

import pytest

from jobs.connections import connect
from jobs.errors import JobNotFound
from jobs.model import Failure, ResultInfo
from jobs.status import Priority, Status
from jobs.storage.disk import DiskBlobs
from jobs.store.lease import Checkpoint
from jobs.store.reaper import SWEEP_ROUNDS, Reaper
from tests.jobs.conftest import Store

pytestmark = pytest.mark.anyio
OLD = 10_000.0


@pytest.fixture
def blobs(tmp_path: Path) -> DiskBlobs:
    return DiskBlobs(tmp_path / "blobs")


@pytest.fixture
def reaper(store: Store, blobs: DiskBlobs) -> Reaper:
    return Reaper(connect(store.settings), blobs=blobs, queue=store.queue, settings=store.settings)


def round_again(store: Store, reaper: Reaper) -> None:
    """Do a round although one has just ended."""
    store.redis.delete("nst:reaped")
    assert reaper.round() is not None


def age(folder: Path, name: str) -> None:
    os.utime(folder / "blobs" / name, (time.time() - OLD, time.time() - OLD))


async def test_a_job_whose_lease_ended_goes_back_to_its_place(store: Store, reaper: Reaper) -> None:
    job = await store.create()
    await store.create()
    store.must_claim()
    store.end_lease(job.id)
    found = reaper.round()
    assert found is not None
    assert found.recovered == ((job.id, "queued"),)
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
        store.end_lease(job.id)
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
    store.end_lease(job.id)
    reaper.round()
    assert (await store.client.get(job.id, "ann")).status is Status.QUEUED


async def test_a_lost_job_that_was_to_be_canceled_is_canceled(store: Store, reaper: Reaper) -> None:
    job = await store.create()
    store.must_claim()
    await store.client.cancel(job.id, "ann")
    store.end_lease(job.id)
    reaper.round()
    assert (await store.client.get(job.id, "ann")).status is Status.CANCELED


async def test_a_damaged_running_record_is_buried_and_others_are_recovered(store: Store, reaper: Reaper) -> None:
    odd = await store.create()
    good = await store.create()
    store.must_claim()
    store.must_claim()
    store.redis.hset(f"nst:job:{odd.id}", "attempt", "many")
    for job in (odd, good):
        store.end_lease(job.id)
    reaper.round()
    assert store.redis.hget(f"nst:job:{odd.id}", "status") == "failed"
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
    store.redis.lpush("nst:run.lite.interactive", "a message")
    store.queue.notified.clear()
    reaper.round()
    assert store.queue.notified == []


async def test_only_one_reaper_works_at_a_time(store: Store, reaper: Reaper) -> None:
    store.redis.set("nst:reaper", "another", px=10_000)
    assert reaper.round() is None
    store.redis.delete("nst:reaper")
    assert reaper.round() is not None


async def test_reapers_do_not_work_one_right_after_the_other(store: Store, reaper: Reaper) -> None:
    assert reaper.round() is not None
    assert reaper.round() is None
    store.redis.delete("nst:reaped")  # half a round's time goes by
    assert reaper.round() is not None


async def test_a_reaper_that_fails_leaves_the_lock_open(
    store: Store, reaper: Reaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaper, "_notify", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        reaper.round()
    assert store.redis.get("nst:reaper") is None


async def test_pictures_go_when_their_time_is_over_and_a_tombstone_stays(
    store: Store, reaper: Reaper, blobs: DiskBlobs
) -> None:
    job = await store.create()
    blobs.put(f"{job.id}/content", b"abc")
    store.must_claim().fail(Failure(code="diverged", message="x"))
    store.redis.zadd("nst:expiry", {job.id: 1})
    reaper.round()
    stone = await store.client.get(job.id, "ann")
    assert (stone.expired, stone.status) == (True, Status.FAILED)
    assert list(blobs.list()) == []


async def test_a_tombstone_goes_without_a_trace(store: Store, reaper: Reaper) -> None:
    job = await store.create()
    await store.client.cancel(job.id, "ann")
    store.redis.zadd("nst:expiry", {job.id: 1})
    reaper.round()
    store.redis.zadd("nst:tombs", {job.id: 1})
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
    assert reaper.sweep() == 1
    assert [info.name for info in blobs.list()] == ["nobody/late"]


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
    assert reaper.sweep() == 0  # it is running: its worker may be at work on them
    name = f"{job.id}/result-1.png"
    lease.complete(ResultInfo(blob=name, width=1, height=1, bytes=3, sha256="", media_type="image/png"))
    reaper.sweep()
    assert sorted(info.name.partition("/")[2] for info in blobs.list()) == ["content", "result-1.png", "style-0"]


async def test_a_half_written_file_of_a_dead_writer_is_removed(
    store: Store, reaper: Reaper, blobs: DiskBlobs, tmp_path: Path
) -> None:
    torn = tmp_path / "blobs" / "nobody" / ".content.0badcafe.tmp"
    torn.parent.mkdir(parents=True)
    torn.write_bytes(b"half")
    os.utime(torn, (1, 1))
    assert reaper.sweep() == 1
    assert not torn.exists()


async def test_of_all_reapers_one_sweeps_in_a_while(store: Store, reaper: Reaper, blobs: DiskBlobs) -> None:
    other = Reaper(connect(store.settings), blobs=blobs, queue=store.queue, settings=store.settings)
    lists: list[str] = []
    for name, one in (("first", reaper), ("second", other), ("first again", reaper)):
        store.redis.delete("nst:reaped")
        before = store.redis.get("nst:swept")
        assert one.round() is not None
        if store.redis.get("nst:swept") != before:
            lists.append(name)
    assert lists == ["first"]
    assert 0 < store.redis.pttl("nst:swept") <= SWEEP_ROUNDS * store.settings.reaper_seconds * 1000


async def test_a_slow_sweep_is_followed_by_a_long_pause(store: Store, blobs: DiskBlobs) -> None:
    times = itertools.count(step=30.0)  # every look at the clock is half a minute later
    slow = Reaper(
        connect(store.settings), blobs=blobs, queue=store.queue, settings=store.settings, clock=lambda: next(times)
    )
    slow.round()
    assert store.redis.pttl("nst:swept") > 10 * SWEEP_ROUNDS * store.settings.reaper_seconds * 1000


async def test_a_round_takes_back_and_removes_more_than_a_hundred(
    store: Store, reaper: Reaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.store.reaper.BATCH", 2)
    lost = [await store.create() for _ in range(5)]
    for job in lost:
        store.must_claim()
        store.end_lease(job.id)
    ended = [await store.create() for _ in range(5)]
    for job in ended:
        await store.client.cancel(job.id, "ann")
        store.redis.zadd("nst:expiry", {job.id: 1})
    found = reaper.round()
    assert found is not None
    assert (len(found.recovered), found.expired) == (5, 5)
