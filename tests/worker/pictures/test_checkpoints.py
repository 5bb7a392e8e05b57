"""Checkpoints: how often they are saved, and how another attempt continues from one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from jobs.errors import StorageUnavailable
from jobs.status import Status
from jobs.storage.disk import DiskBlobs
from jobs.store.lease import Checkpoint
from tests.fakes.engine import FakeStep
from tests.worker.conftest import Harness, HookedEngine
from worker.attempt import Outcome
from worker.engine import RunRequest
from worker.pictures.checkpoints import Checkpoints


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class SlowBlobs(DiskBlobs):
    """A disk on which writing takes a second of the given clock."""

    def __init__(self, root: Path, clock: Clock) -> None:
        super().__init__(root)
        self._clock = clock

    def put(self, *values: Any) -> Any:
        self._clock.now += 1.0
        return super().put(*values)


def step(iteration: int) -> FakeStep:
    picture = Image.new("RGB", (64, 48))
    return FakeStep(RunRequest(params={}, content=picture, styles=(picture,)), iteration, 100)


def make(tmp_path: Path, clock: Clock, *, holds: bool = True) -> tuple[Checkpoints, DiskBlobs, list[int]]:
    """Return checkpoints of a lease that is held or lost, their storage, and the iterations that they record."""
    recorded: list[int] = []

    def record(checkpoint: Checkpoint) -> bool:
        recorded.append(checkpoint.iteration)
        return holds

    lease: Any = SimpleNamespace(job=SimpleNamespace(id="job1"), token="t", resume=None, checkpoint=record)
    blobs = SlowBlobs(tmp_path, clock)
    return Checkpoints(lease, blobs, seconds=10, share=0.05, clock=clock), blobs, recorded


def test_saving_takes_no_more_than_its_share_of_the_time(tmp_path: Path) -> None:
    clock = Clock()
    checkpoints, _, recorded = make(tmp_path, clock)
    for iteration in range(1, 101):
        clock.now += 1.0
        checkpoints.save_if_due(step(iteration))
    assert recorded[0] == 10
    assert len(recorded) / clock.now <= 0.05


def test_only_the_newest_checkpoint_is_kept(tmp_path: Path) -> None:
    checkpoints, blobs, _ = make(tmp_path, Clock())
    checkpoints.save(step(1))
    checkpoints.save(step(2))
    assert [info.name for info in blobs.list()] == ["job1/checkpoint-t-2"]
    checkpoints.delete()
    assert list(blobs.list()) == []


def test_a_checkpoint_under_a_lost_lease_is_deleted(tmp_path: Path) -> None:
    checkpoints, blobs, _ = make(tmp_path, Clock(), holds=False)
    checkpoints.save(step(1))
    assert list(blobs.list()) == []


@pytest.mark.anyio
async def test_another_attempt_continues_from_the_checkpoint(harness: Harness) -> None:
    job = await harness.create(steps=40)
    await harness.run_until_drained(3)
    harness.engine = engine = HookedEngine()
    assert await harness.run() is Outcome.SUCCEEDED
    assert engine.started_at == [4]
    assert "checkpoint" not in harness.files(job)


@pytest.mark.anyio
async def test_the_file_of_a_checkpoint_is_closed_after_the_first_step(harness: Harness) -> None:
    await harness.create(steps=6)
    await harness.run_until_drained(3)
    closed: list[bool] = []

    def after_step(_: int) -> None:
        (request,) = engine.requests
        assert request.resume is not None
        closed.append(request.resume.closed)

    harness.engine = engine = HookedEngine(after_step)
    assert await harness.run() is Outcome.SUCCEEDED
    assert closed == [False, True, True]


@pytest.mark.anyio
async def test_a_checkpoint_that_cannot_be_read_now_is_waited_for(harness: Harness) -> None:
    job = await harness.create(steps=40)
    await harness.run_until_drained(3)
    harness.blobs.faults["read"] = StorageUnavailable()
    assert await harness.run() is Outcome.RETURNED
    back = await harness.read(job)
    assert (back.status, back.attempt) == (Status.QUEUED, 0)
    del harness.blobs.faults["read"]
    harness.engine = engine = HookedEngine()
    assert await harness.run() is Outcome.SUCCEEDED
    assert engine.started_at == [4]


@pytest.mark.anyio
@pytest.mark.parametrize("damage", ["torn", "missing", "unusable"])
async def test_a_run_starts_from_the_beginning_if_its_checkpoint_is(harness: Harness, damage: str) -> None:
    job = await harness.create(steps=10)
    lease = harness.store.claim("lite", worker="w0", token="t0")
    name = f"{job.id}/checkpoint-t0-4"
    ref = harness.blobs.put(name, b"no state" if damage == "unusable" else b'{"fake": 1, "iteration": 4}')
    lease.checkpoint(Checkpoint(blob=name, sha256=ref.sha256, iteration=4))
    lease.release("drained")
    if damage == "torn":
        harness.blobs.put(name, b'{"fake": 1, "iteration": 9}')
    if damage == "missing":
        harness.blobs.delete(name)
    harness.engine = engine = HookedEngine()
    assert await harness.run() is Outcome.SUCCEEDED
    assert engine.started_at == [1]
