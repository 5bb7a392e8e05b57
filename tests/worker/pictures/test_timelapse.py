"""The frames of a time-lapse: spread over a run of any length, and kept from one attempt to the next."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from jobs.model import Job
from tests.fakes.engine import FakeEngine, FakeStep
from tests.worker.conftest import Harness
from worker.attempt import Outcome
from worker.engine import BadCheckpointError, PictureStep, RunRequest
from worker.pictures.timelapse import Timelapse


def step(iteration: int, total: int = 100) -> FakeStep:
    picture = Image.new("RGB", (64, 48))
    return FakeStep(RunRequest(params={}, content=picture, styles=(picture,)), iteration, total)


@pytest.mark.parametrize("length", [1, 7, 8, 9, 100, 1000])
def test_frames_are_spread_over_a_run_of_any_length(length: int) -> None:
    timelapse = Timelapse(frames=8, side=32)
    for iteration in range(1, length + 1):
        timelapse.offer(step(iteration, length))
    frames = timelapse.frames(step(length, length))
    assert min(length, 5) <= len(frames) <= 9
    assert all(frame.size == (32, 24) for frame in frames)


@pytest.mark.parametrize("cut", [1, 5, 9, 40, 99])
def test_an_interrupted_run_has_the_same_frames(cut: int) -> None:
    whole, first = Timelapse(frames=8, side=32), Timelapse(frames=8, side=32)
    for iteration in range(1, 101):
        whole.offer(step(iteration))
    for iteration in range(1, cut + 1):
        first.offer(step(iteration))
    second = Timelapse(frames=8, side=32)
    second.restore(first.state())
    for iteration in range(cut + 1, 101):
        second.offer(step(iteration))
    last = step(100)
    for a, b in zip(whole.frames(last), second.frames(last), strict=True):
        assert abs(np.asarray(a, dtype=int) - np.asarray(b, dtype=int)).max() <= 8


def test_a_frame_is_waited_for_only_when_the_next_step_is_offered() -> None:
    waited: list[int] = []

    def begin_picture(iteration: int) -> Callable[[], Image.Image]:
        return lambda: waited.append(iteration) or Image.new("RGB", (64, 48))  # type: ignore[func-returns-value]

    timelapse = Timelapse(frames=8, side=32)
    for iteration in (1, 2):
        timelapse.offer(SimpleNamespace(begin_picture=partial(begin_picture, iteration)))  # type: ignore[arg-type]
        assert waited == list(range(1, iteration))
    assert len(timelapse.frames(step(2))) == 3
    assert waited == [1, 2]


async def frame_count(harness: Harness, job: Job) -> int:
    timelapse = (await harness.result(job)).timelapse
    assert timelapse is not None
    with Image.open(io.BytesIO(harness.blobs.read(timelapse.name))) as picture:
        return int(picture.n_frames)  # type: ignore[attr-defined]


@pytest.mark.anyio
async def test_a_job_has_a_time_lapse_only_if_it_asks_for_one(harness: Harness) -> None:
    without, job = await harness.create(), await harness.create(timelapse=True)
    await harness.run()
    await harness.run()
    assert await frame_count(harness, job) == 5
    assert (await harness.result(without)).timelapse is None


@pytest.mark.anyio
async def test_another_attempt_continues_the_time_lapse(harness: Harness) -> None:
    job = await harness.create(steps=40, timelapse=True)
    await harness.run_until_drained(5)
    assert "frames" in harness.files(job)
    assert await harness.run() is Outcome.SUCCEEDED
    assert await frame_count(harness, job) == 40
    assert harness.files(job) <= {"content", "style", "result", "preview", "timelapse"}


@pytest.mark.anyio
@pytest.mark.parametrize("damage", ["missing", "torn"])
async def test_damaged_frames_cost_only_the_beginning_of_the_time_lapse(harness: Harness, damage: str) -> None:
    job = await harness.create(steps=40, timelapse=True)
    await harness.run_until_drained(5)
    (frames,) = (info.name for info in harness.blobs.list() if "/frames-" in info.name)
    if damage == "missing":
        harness.blobs.delete(frames)
    else:
        harness.blobs.put(frames, b"PK torn")
    assert await harness.run() is Outcome.SUCCEEDED
    assert 1 < await frame_count(harness, job) < 40


@pytest.mark.anyio
async def test_a_run_that_starts_again_drops_the_frames_of_the_earlier_attempt(harness: Harness) -> None:
    job = await harness.create(steps=40, timelapse=True)
    await harness.run_until_drained(5)

    class Unusable(FakeEngine):
        def run(self, request: RunRequest) -> Iterator[PictureStep]:
            if request.resume is not None:
                raise BadCheckpointError("the state is of another version")
            return super().run(request)

    harness.engine = Unusable()
    assert await harness.run() is Outcome.SUCCEEDED
    assert await frame_count(harness, job) == 40
