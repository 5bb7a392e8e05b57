"""The speed of a run, and the time left that follows from it; loads no torch."""

from __future__ import annotations

import time
from collections.abc import Callable

KEPT = 0.8  # of the weight of earlier iterations with each new one


class Throughput:
    """Measures how fast a run computes pixels; the time left is the work that is left at that speed.

    An iteration costs about as much as its picture has pixels, so the last scales of a run take most of its time.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: float | None = None
        self._iteration, self._size, self._left = 0, 0, 0
        self._iterations = self._pixels = self._seconds = 0.0  # the latest ones weigh most

    @property
    def iterations_per_second(self) -> float | None:
        """Return the speed, or None before the second iteration."""
        return self._iterations / self._seconds if self._seconds else None

    @property
    def seconds_left(self) -> float | None:
        """Return the estimated time left, or None before the second iteration."""
        return self._left * self._seconds / self._pixels if self._seconds else None

    def measure(self, iteration: int, *, pixels: int, pixels_left: int) -> None:
        """Take the number of an iteration that just ended, its pixels, and those of all iterations to come."""
        now = self._clock()
        computed = iteration == self._iteration + 1  # else it is the frame of an earlier attempt, or repeated
        # The first iteration of a scale includes what is prepared for the scale. It counts if no other is known.
        typical = pixels == self._size or not self._seconds
        if self._last is not None and computed and typical:
            self._iterations = KEPT * self._iterations + 1
            self._pixels = KEPT * self._pixels + pixels
            self._seconds = KEPT * self._seconds + now - self._last
        self._last, self._iteration = now if computed else None, iteration
        self._size, self._left = pixels, pixels_left
