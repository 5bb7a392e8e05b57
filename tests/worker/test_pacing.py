"""What a run measures and how often it saves: speed, checkpoints, time-lapse."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jobs.model import Progress
from jobs.storage.disk import DiskBlobs
from tests.fakes.engine import FakeStep
from worker.checkpoints import Checkpoints
from worker.engine import RunRequest
from worker.pictures.timelapse import Timelapse
from worker.throughput import Throughput


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def step(iteration: int, total: int = 100) -> FakeStep:
    picture = Image.new("RGB", (64, 48))
    return FakeStep(RunRequest(params={}, content=picture, styles=(picture,)), iteration, total)


def test_speed_and_time_left_follow_the_iterations() -> None:
    clock = Clock()
    throughput = Throughput(clock=clock)
    for iteration in range(1, 11):
        progress = throughput.measure(Progress(iteration=iteration, total=100))
        clock.now += 0.5
    assert progress.iterations_per_second == pytest.approx(2)
    assert progress.eta_seconds == pytest.approx(45)


def test_the_first_iteration_says_nothing_of_speed() -> None:
    assert Throughput().measure(Progress(iteration=1, total=2)).eta_seconds is None


class SlowBlobs(DiskBlobs):
    """A disk on which writing takes a second of the given clock."""

    def __init__(self, root: Path, clock: Clock) -> None:
        super().__init__(root)
        self._clock = clock

    def put(self, *values: Any) -> Any:
        self._clock.now += 1.0
        return super().put(*values)


def saving(tmp_path: Path, clock: Clock, *, holds: bool = True) -> tuple[Checkpoints, DiskBlobs, list[int]]:
    saved: list[int] = []

    def note(checkpoint: Any) -> bool:
        saved.append(checkpoint.iteration)
        return holds

    lease: Any = SimpleNamespace(job=SimpleNamespace(id="job1"), token="t", resume=None, checkpoint=note)
    blobs = SlowBlobs(tmp_path, clock)
    return Checkpoints(lease, blobs, seconds=10, share=0.05, clock=clock), blobs, saved


def test_saving_takes_no_more_than_its_share_of_the_time(tmp_path: Path) -> None:
    clock = Clock()
    checkpoints, _, saved = saving(tmp_path, clock)
    for iteration in range(1, 101):
        clock.now += 1.0
        checkpoints.save_if_due(step(iteration))
    assert saved[0] == 10
    assert len(saved) / clock.now <= 0.05


def test_only_the_newest_checkpoint_is_kept_and_none_in_the_end(tmp_path: Path) -> None:
    checkpoints, blobs, _ = saving(tmp_path, Clock())
    checkpoints.save(step(1))
    checkpoints.save(step(2))
    assert [info.name for info in blobs.list()] == ["job1/checkpoint-t-2"]
    checkpoints.delete()
    assert list(blobs.list()) == []


def test_a_checkpoint_under_a_lost_lease_is_not_left_behind(tmp_path: Path) -> None:
    checkpoints, blobs, _ = saving(tmp_path, Clock(), holds=False)
    checkpoints.save(step(1))
    assert list(blobs.list()) == []


@pytest.mark.parametrize("cut", [1, 5, 9, 40, 99])
def test_a_time_lapse_that_was_interrupted_has_the_same_frames(cut: int) -> None:
    whole, first = Timelapse(frames=8, side=32), Timelapse(frames=8, side=32)
    for iteration in range(1, 101):
        whole.offer(step(iteration, 100))
    for iteration in range(1, cut + 1):
        first.offer(step(iteration, 100))
    second = Timelapse(frames=8, side=32)
    second.restore(first.state())
    for iteration in range(cut + 1, 101):
        second.offer(step(iteration, 100))
    last = step(100, 100)
    for a, b in zip(whole.frames(last), second.frames(last), strict=True):
        assert abs(np.asarray(a, dtype=int) - np.asarray(b, dtype=int)).max() <= 8


@pytest.mark.parametrize("length", [1, 7, 8, 9, 100, 1000])
def test_a_time_lapse_has_its_frames_spread_over_any_length(length: int) -> None:
    timelapse = Timelapse(frames=8, side=32)
    for iteration in range(1, length + 1):
        timelapse.offer(step(iteration, length))
    frames = timelapse.frames(step(length, length))
    assert min(length, 5) <= len(frames) <= 9
    assert all(frame.size == (32, 24) for frame in frames)
