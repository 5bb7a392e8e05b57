"""Painting films with torch: the steps of the engine as the worker sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image

from jobs.model import Progress
from nst_engine.motion.painting import LOOKBACK, FilmStep, frame_steps, stylize_film
from nst_engine.spec.config import StyleConfig
from worker.engine import FilmFrames
from worker.pictures.painting import run_errors


def painted_film(film: FilmFrames, config: StyleConfig, **values: Any) -> Iterator[TorchFilmStep]:
    """Yield a step for each iteration; `values` are those of stylize_film."""
    before = film.before[-LOOKBACK:]
    frames = film.read(film.painted - len(before))
    done, steps_a_frame = film.iterations, frame_steps(config)
    for step in stylize_film(frames, config=config, first=film.painted, before=before, **values):
        iteration = done + step.iteration
        # A cut is not known before it comes: its frame takes more steps than are planned here.
        left = step.total - step.iteration + (film.total - step.frame - 1) * steps_a_frame
        yield TorchFilmStep(step, iteration, iteration + left, film.total)
        if step.is_last:
            done = iteration


@dataclass(frozen=True)
class TorchFilmStep:
    """One iteration of one frame."""

    step: FilmStep
    iteration: int
    total: int
    frames: int

    @property
    def progress(self) -> Progress:
        """Return the progress over all frames, without speed and time left."""
        step = self.step
        return Progress(
            iteration=self.iteration,
            total=self.total,
            width=step.width,
            height=step.height,
            loss=step.loss,
            frame=step.frame + (1 if step.is_last else 0),
            frames=self.frames,
        )

    @property
    def pixels_left(self) -> int:
        """Return the work of all iterations to come, the sum of their pixels."""
        return self.step.pixels_left(self.frames)

    def picture(self) -> Image.Image:
        """Return the frame so far."""
        return self.begin_picture()()

    def begin_picture(self) -> Callable[[], Image.Image]:
        """Start to copy the frame so far; return a function that returns it."""
        with run_errors():
            return run_errors()(self.step.begin_picture())
