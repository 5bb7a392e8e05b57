"""An engine without torch, which blends the content into the style step by step.

The parameters of the job decide what happens: `steps`, and a seed for each kind of failure (see `_fail`).
"""

from __future__ import annotations

import io
import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from jobs.model import Progress
from nst_engine.images.writing import encode
from worker.engine import (
    BadCheckpointError,
    BrokenDeviceError,
    FilmFrames,
    OutOfMemoryRunError,
    PictureStep,
    RunError,
    RunRequest,
    RunStep,
)

POISON, TOO_BIG, TOO_BIG_FOR_NOW, BROKEN, DIVERGES, BREAKS_DEVICE = range(666_001, 666_007)


@dataclass(frozen=True)
class Journal:
    """A file that records every iteration of every process: time, seed of the job, iteration, event, process id."""

    path: Path | None = None

    def note(self, seed: int, iteration: int, what: str = "step") -> None:
        if self.path is not None:
            line = json.dumps([time.time(), seed, iteration, what, os.getpid()]) + "\n"
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.write(descriptor, line.encode())
            os.close(descriptor)


@dataclass(frozen=True)
class FakeStep:
    """One iteration."""

    request: RunRequest
    iteration: int
    total: int
    journal: Journal = Journal()

    @property
    def progress(self) -> Progress:
        width, height = self.request.content.size
        loss = 1.0 / self.iteration
        return Progress(iteration=self.iteration, total=self.total, width=width, height=height, loss=loss)

    @property
    def pixels_left(self) -> int:
        progress = self.progress
        return (progress.total - progress.iteration) * progress.width * progress.height

    def picture(self) -> Image.Image:
        content = self.request.content.convert("RGB")
        style = self.request.styles[0].convert("RGB").resize(content.size)
        return Image.blend(content, style, self.iteration / self.total)

    def begin_picture(self) -> Callable[[], Image.Image]:
        return self.picture

    def encoded(self, name: str, metadata: Mapping[str, Any], *, mark: bool = False) -> bytes:
        data = encode(self.picture(), name, metadata=metadata, mark=mark)
        self.journal.note(int(self.request.params.get("seed", 0)), self.iteration, "upload")
        return data

    def state(self) -> Iterator[bytes]:
        yield json.dumps({"fake": 1, "iteration": self.iteration}).encode()


@dataclass(frozen=True)
class FakeFilmStep(FakeStep):
    """One iteration of a frame, whose result shows half of the result before it, and a corner of the frame."""

    frame: int = 0
    frames: int = 1
    before: Image.Image | None = None

    @property
    def progress(self) -> Progress:
        done, finished = self.frame * self.total, self.iteration == self.total
        return Progress(
            iteration=done + self.iteration,
            total=self.frames * self.total,
            width=self.request.content.width,
            height=self.request.content.height,
            frame=self.frame + finished,
            frames=self.frames,
        )

    def picture(self) -> Image.Image:
        painted, frame = super().picture(), self.request.content
        if self.before is not None:
            painted = Image.blend(painted, self.before, 0.5)
        corner = (frame.width // 2, frame.height // 2, *frame.size)
        painted.paste(frame.crop(corner), corner)
        return painted


@dataclass
class FakeEngine:
    """Runs `steps` iterations that take `step_seconds` each."""

    step_seconds: float = 0.0
    journal: Journal = Journal()
    sleep: Callable[[float], None] = time.sleep
    broken: Path | None = None  # a file that says, as long as it exists, that the device cannot compute
    device_failed: bool = False  # from then on every run of this process fails, as after an error of CUDA

    def check_device(self) -> None:
        if self.broken is not None and self.broken.exists():
            raise BrokenDeviceError("the fake device cannot compute")

    def memory_bytes(self) -> int | None:
        return None

    def run(self, request: RunRequest) -> Iterator[PictureStep]:
        seed, total = int(request.params.get("seed", 0)), int(request.params["steps"])
        begin = 0 if request.resume is None else _iteration(request.resume.read())
        self.journal.note(seed, begin, "begin")
        for iteration in range(begin + 1, total + 1):
            self.sleep(self.step_seconds)
            _fail(seed, request)
            self._break_device(seed)
            self.journal.note(seed, iteration)
            yield FakeStep(request, iteration, total, self.journal)

    def run_film(self, request: RunRequest, film: FilmFrames) -> Iterator[RunStep]:
        """Paint the frames of a film in `steps` iterations each."""
        seed, total = int(request.params.get("seed", 0)), int(request.params["steps"])
        before = film.before[-1] if film.before else None
        self.journal.note(seed, film.painted * total, "begin")
        for number, frame in enumerate(film.read(film.painted), film.painted):
            for iteration in range(1, total + 1):
                self.sleep(self.step_seconds)
                _fail(seed, request)
                self.journal.note(seed, number * total + iteration)
                step = FakeFilmStep(
                    replace(request, content=frame), iteration, total, self.journal, number, film.total, before
                )
                yield step
            before = step.picture()

    def _break_device(self, seed: int) -> None:
        if seed == BREAKS_DEVICE:
            self.device_failed = True
            if self.broken is not None:
                self.broken.touch()
        if self.device_failed:
            raise BrokenDeviceError("the fake device failed")


def _iteration(state: bytes) -> int:
    try:
        return int(json.loads(state)["iteration"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadCheckpointError("the state is damaged") from error


def _fail(seed: int, request: RunRequest) -> None:
    if seed == POISON:
        os.kill(os.getpid(), signal.SIGKILL)
    if seed == TOO_BIG or (seed == TOO_BIG_FOR_NOW and not request.memory_saving):
        raise OutOfMemoryRunError("It does not fit; 512 pixels would.")
    if seed == DIVERGES:
        raise RunError("diverged", "The loss is not a number.")
    if seed == BROKEN:
        raise ZeroDivisionError("a bug")


def picture_bytes(color: tuple[int, int, int] = (200, 30, 30), size: tuple[int, int] = (48, 32)) -> bytes:
    """Make a small PNG."""
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, "PNG")
    return file.getvalue()
