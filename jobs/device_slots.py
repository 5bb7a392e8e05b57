"""Device slots: a limited number of workers share a device; each holds its slot by a lease in Redis."""

from __future__ import annotations

from redis import Redis

from jobs.settings import JobSettings
from jobs.store.scripts import Scripts, milliseconds


class DeviceSlots:
    """The slots as one worker sees them; every method raises StoreUnavailable if Redis does not answer."""

    def __init__(self, redis: Redis, settings: JobSettings, *, worker: str) -> None:
        self._worker = worker
        self._ttl = milliseconds(settings.lease_seconds)
        self._scripts = Scripts(redis, settings, "locks/acquire_slot", "locks/release_slot")

    def acquire(self, slot: str) -> bool:
        """Take a free slot, or renew our own; return False if another worker holds it."""
        return bool(self._scripts.run("locks/acquire_slot", slot=slot, worker=self._worker, ttl=self._ttl))

    def release(self, slot: str) -> None:
        """Give our slot back."""
        self._scripts.run("locks/release_slot", slot=slot, worker=self._worker)
