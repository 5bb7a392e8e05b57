"""The registration of a worker: what it announces about itself while it lives, such as its device and its job."""

from __future__ import annotations

import logging
from dataclasses import replace

from jobs.errors import StoreUnavailable
from jobs.model import WorkerInfo
from jobs.worker_registry import WorkerRegistry
from worker.maintenance import PeriodicTask

log = logging.getLogger(__name__)


class Registration:
    """Announces one worker every few seconds; the registry drops a worker that falls silent."""

    def __init__(self, registry: WorkerRegistry, info: WorkerInfo, *, seconds: float) -> None:
        self._registry = registry
        self._info = info
        self._announcements = PeriodicTask(self.announce, name="the announcement", seconds=seconds)

    @property
    def info(self) -> WorkerInfo:
        """Return what is announced at the moment."""
        return self._info

    def start(self) -> None:
        """Announce the worker now, and from now on."""
        self.announce()
        self._announcements.start()

    def stop(self) -> None:
        """Remove the worker from the registry."""
        self._announcements.stop()
        try:
            self._registry.retire(self._info)
        except StoreUnavailable as error:
            log.info("the worker was not removed from the registry, its entry will expire: %s", error)

    def announce(self) -> None:
        """Announce the worker; if Redis is unreachable, log it and leave it to the next announcement."""
        try:
            self._registry.announce(self._info)
        except StoreUnavailable as error:
            log.warning("the worker was not announced: %s", error)

    def set_state(self, state: str, *, job: str | None = None, memory_bytes: int | None = None) -> None:
        """Announce what the worker is doing now."""
        self._info = replace(self._info, state=state, job=job, memory_bytes=memory_bytes or self._info.memory_bytes)
        self.announce()

    def set_speed(self, model: str, iterations_per_second: float) -> None:
        """Remember how fast the last run with a network was, for the next announcement."""
        self._info = replace(self._info, speed={**self._info.speed, model: round(iterations_per_second, 3)})

    def count_workers_here(self) -> int:
        """Count the live workers on this host that use the same kind of device, including this one."""
        try:
            live = self._registry.live()
        except StoreUnavailable:
            return 1
        here = {worker.id for worker in live if _shares_hardware(worker, self._info)}
        return len(here | {self._info.id})


def _shares_hardware(worker: WorkerInfo, other: WorkerInfo) -> bool:
    return worker.host == other.host and worker.device.partition(":")[0] == other.device.partition(":")[0]
