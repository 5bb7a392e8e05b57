"""The heartbeat of an attempt: renews the lease, publishes progress and previews, and learns when to stop."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from jobs.errors import StoreUnavailable
from jobs.model import Progress
from jobs.store.lease import Instruction, Lease
from worker.maintenance import PeriodicTask

log = logging.getLogger(__name__)
JOIN_SECONDS = 5.0


class Heartbeat:
    """Renews one lease while its run goes on; the run reads `instruction` after each iteration.

    It has a thread of its own: publishing a preview may wait for a slow storage, and must not delay the registration.
    """

    def __init__(
        self,
        lease: Lease,
        *,
        seconds: float,
        draining: Callable[[], bool],
        stop_grace_seconds: float,
        on_stuck: Callable[[], None],
        after_beat: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.instruction = Instruction.CONTINUE
        self._lease = lease
        self._draining = draining
        self._grace = stop_grace_seconds
        self._on_stuck = on_stuck
        self._after_beat = after_beat
        self._clock = clock
        self._stop_requested: float | None = None
        self._progress: Progress | None = None
        self._beats = PeriodicTask(self.beat, name="the heartbeat", seconds=seconds)

    def report(self, progress: Progress) -> None:
        """Take the latest progress; the next beat publishes it."""
        self._progress = progress

    def beat(self) -> None:
        """Renew the lease and update the instruction; if Redis is unreachable, log it and retry on the next beat."""
        progress, self._progress = self._progress, None
        try:
            answer = self._lease.heartbeat(progress)
        except StoreUnavailable as error:
            log.warning("the lease was not renewed: %s", error)
            self._progress = self._progress or progress
            answer = Instruction.CONTINUE
        if answer is Instruction.CONTINUE and self._draining():
            answer = Instruction.DRAIN
        # The first instruction to stop stands, unless the lease is lost afterwards.
        if self.instruction is Instruction.CONTINUE or answer is Instruction.LOST:
            self.instruction = answer
        self._check_stuck()
        self._after_beat()

    def _check_stuck(self) -> None:
        if self.instruction is Instruction.CONTINUE:
            return
        if self._stop_requested is None:
            self._stop_requested = self._clock()
        elif self._clock() - self._stop_requested > self._grace:
            log.critical("job %s did not stop within %g s (%s)", self._lease.job.id, self._grace, self.instruction)
            self._on_stuck()

    def __enter__(self) -> Self:
        self._beats.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._beats.stop(wait_seconds=JOIN_SECONDS)
