"""How fast a run goes, and from that how long it still takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from jobs.model import Progress

WEIGHT = 0.2  # of the latest iteration in the running mean


class Speed:
    """Measures the iterations of one run as they come."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: float | None = None
        self._mean: float | None = None

    @property
    def per_second(self) -> float | None:
        """Return iterations per second, once there is something to measure."""
        return 1 / self._mean if self._mean else None

    def measure(self, progress: Progress) -> Progress:
        """Return the progress of an iteration that just ended, with speed and time left."""
        now = self._clock()
        if self._last is not None:
            took = now - self._last
            self._mean = took if self._mean is None else (1 - WEIGHT) * self._mean + WEIGHT * took
        self._last = now
        if self._mean is None:
            return progress
        left = (progress.total - progress.iteration) * self._mean
        return replace(progress, iterations_per_second=self.per_second, eta_seconds=left)
