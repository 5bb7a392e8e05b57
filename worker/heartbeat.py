"""The heart of a run: a thread that renews the lease, publishes progress and previews, and learns when to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from jobs.errors import StoreUnavailable
from jobs.model import Progress
from jobs.store.lease import Lease, Verdict

log = logging.getLogger(__name__)
JOIN_SECONDS = 5.0


class Heartbeat:
    """Beats for one lease while its run goes on; `verdict` is what the run has to look at each iteration."""

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
        self.verdict = Verdict.CONTINUE
        self._lease = lease
        self._seconds = seconds
        self._draining = draining
        self._grace = stop_grace_seconds
        self._on_unheeded = on_stuck
        self._after_beat = after_beat
        self._clock = clock
        self._told_at: float | None = None
        self._progress: Progress | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._live, name="heart", daemon=True)

    def report(self, progress: Progress) -> None:
        """Hand over the latest progress; the next beat publishes it."""
        self._progress = progress

    def beat(self) -> None:
        """Renew the lease once and take in the answer; a store that is down is borne until it is back."""
        progress, self._progress = self._progress, None
        try:
            answer = self._lease.heartbeat(progress)
        except StoreUnavailable as error:
            log.warning("a heartbeat did not get through: %s", error)
            self._progress = self._progress or progress
            answer = Verdict.CONTINUE
        if answer is Verdict.CONTINUE and self._draining():
            answer = Verdict.DRAIN
        # What was said once stays said, but losing the lease overrides all else.
        if self.verdict is Verdict.CONTINUE or answer is Verdict.LOST:
            self.verdict = answer
        self._check_heeded()
        self._after_beat()

    def _check_heeded(self) -> None:
        if self.verdict is Verdict.CONTINUE:
            return
        if self._told_at is None:
            self._told_at = self._clock()
        elif self._clock() - self._told_at > self._grace:
            log.critical("job %s did not stop when told (%s)", self._lease.job.id, self.verdict)
            self._on_unheeded()

    def _live(self) -> None:
        while not self._stopped.wait(self._seconds):
            try:
                self.beat()
            except Exception:  # the runner of this thread: a heart must not stop for an error in passing
                log.exception("a heartbeat failed")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join(JOIN_SECONDS)
