"""Films with the real engine."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from nst_engine.film.reading import plan, probe, read_frames
from nst_engine.paintings import paint
from nst_engine.spec.presets import resolve
from tests.nst_engine.film import clips
from worker.engine import BrokenDeviceError, FilmFrames, RunRequest
from worker.films.painting import TorchFilmStep
from worker.torch_engine import TorchEngine

PARAMS = resolve(overrides={"model": "lite", "max_size": 64, "steps": 3}).model_dump(mode="json")
FRAMES = 4


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "clip.mp4"
    path.write_bytes(clips.video(clips.pictures(FRAMES)))
    return path


def paint_film(path: Path, *before: Image.Image) -> tuple[list[Image.Image], list[tuple[int, int]]]:
    """Paint the frames after those whose results are given; return them, and iteration and total of each step."""

    def read(first: int) -> list[Image.Image]:
        with path.open("rb") as file:
            info = probe(file)
            return list(read_frames(file, info, plan(info), first=first))

    frames = FilmFrames(
        total=FRAMES, painted=len(before), before=before, iterations=0, read=lambda first: iter(read(first))
    )
    request = RunRequest(params=PARAMS, content=read(0)[0], styles=(paint("waves", 32),))
    painted, steps = [], []
    for step in TorchEngine("cpu", weights_dir=None, threads=1).run_film(request, frames):
        steps.append((step.progress.iteration, step.progress.total))
        if (step.progress.frame or 0) > len(before) + len(painted):
            painted.append(step.picture())
    return painted, steps


def test_a_film_is_painted_frame_by_frame_and_goes_on_exactly(film: Path) -> None:
    painted, steps = paint_film(film)
    assert len(painted) == FRAMES
    assert [iteration for iteration, _ in steps] == sorted(iteration for iteration, _ in steps)
    assert [iteration == total for iteration, total in steps] == [False] * (len(steps) - 1) + [True]
    rest, _ = paint_film(film, *painted[:2])
    for mine, other in zip(rest, painted[2:], strict=True):
        assert np.array_equal(mine, other)


def test_an_error_of_cuda_while_a_frame_is_copied_means_that_the_device_is_broken() -> None:
    def fail() -> None:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(BrokenDeviceError):
        TorchFilmStep(SimpleNamespace(begin_picture=lambda: fail), 1, 2, 3).picture()  # type: ignore[arg-type]
