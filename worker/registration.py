"""What a worker says of itself while it lives: device, networks, speed, what it is doing."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace

from jobs.errors import StoreUnavailable
from jobs.model import WorkerInfo
from jobs.worker_registry import WorkerRegistry

log = logging.getLogger(__name__)


class Registration:
    """Announces one worker again and again, from a thread."""

    def __init__(self, roster: WorkerRegistry, info: WorkerInfo, *, seconds: float) -> None:
        self._roster = roster
        self._info = info
        self._seconds = seconds
        self._stopped = threading.Event()

    @property
    def info(self) -> WorkerInfo:
        """Return what is announced at the moment."""
        return self._info

    def say(self, *, state: str, job: str | None = None, memory_bytes: int | None = None) -> None:
        """Say what the worker is doing now."""
        self._info = replace(self._info, state=state, job=job, memory_bytes=memory_bytes or self._info.memory_bytes)
        self.announce()

    def note_speed(self, model: str, per_second: float) -> None:
        """Remember how fast the last run with a network was."""
        self._info = replace(self._info, speed={**self._info.speed, model: round(per_second, 3)})

    def announce(self) -> None:
        """Announce once; a store that is down hears it next time."""
        try:
            self._roster.announce(self._info)
        except StoreUnavailable as error:
            log.warning("the worker could not announce itself: %s", error)

    def count_here(self) -> int:
        """Count the live workers of this machine that compute on the same kind of device, this one included."""
        kind = self._info.device.partition(":")[0]
        try:
            live = self._roster.live()
        except StoreUnavailable:
            return 1
        here = {w.id for w in live if w.host == self._info.host and w.device.partition(":")[0] == kind}
        return len(here | {self._info.id})

    def start(self) -> None:
        """Announce now, and from now on."""
        self.announce()
        threading.Thread(target=self._live, name="presence", daemon=True).start()

    def stop(self) -> None:
        """Say goodbye."""
        self._stopped.set()
        try:
            self._roster.retire(self._info)
        except StoreUnavailable as error:
            log.info("the worker could not say goodbye: %s", error)

    def _live(self) -> None:
        while not self._stopped.wait(self._seconds):
            try:
                self.announce()
            except Exception:  # the runner of this thread
                log.exception("an announcement failed")
