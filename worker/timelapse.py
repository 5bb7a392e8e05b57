"""A time-lapse: frames spread evenly over a run whose length need not be known."""

from __future__ import annotations

from PIL import Image

from worker.engine import RunStep


class Timelapse:
    """Collects at most `frames` pictures; when there are too many, every second one is dropped."""

    def __init__(self, *, frames: int, side: int) -> None:
        self._limit = frames
        self._side = side
        self._stride = 1
        self._seen = 0
        self._frames: list[Image.Image] = []

    def offer(self, step: RunStep) -> None:
        """Take the picture of a step if its turn has come."""
        if self._seen % self._stride == 0:
            if len(self._frames) >= self._limit:
                self._frames = self._frames[::2]
                self._stride *= 2
            if self._seen % self._stride == 0:
                self._frames.append(self._small(step))
        self._seen += 1

    def frames(self, last: RunStep) -> list[Image.Image]:
        """Return the frames, the finished picture last."""
        return [*self._frames, self._small(last)]

    def _small(self, step: RunStep) -> Image.Image:
        picture = step.picture().copy()
        picture.thumbnail((self._side, self._side))
        return picture
