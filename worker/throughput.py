"""The speed of a run, and the time left that follows from it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from jobs.model import Progress

WEIGHT = 0.2  # of the latest iteration in the moving average


class Throughput:
    """Measures how long the iterations of one run take."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: float | None = None
        self._iteration = 0
        self._average: float | None = None  # seconds per iteration

    @property
    def iterations_per_second(self) -> float | None:
        """Return the speed, or None before the second iteration."""
        return 1 / self._average if self._average else None

    def measure(self, progress: Progress) -> Progress:
        """Return the progress of an iteration that just ended, with speed and time left."""
        now = self._clock()
        computed = progress.iteration == self._iteration + 1  # else it is the frame of an earlier attempt, or repeated
        if self._last is not None and computed:
            seconds = now - self._last
            self._average = seconds if self._average is None else (1 - WEIGHT) * self._average + WEIGHT * seconds
        self._last, self._iteration = now if computed else None, progress.iteration
        if self._average is None:
            return progress
        left = (progress.total - progress.iteration) * self._average
        return replace(progress, iterations_per_second=self.iterations_per_second, eta_seconds=left)
