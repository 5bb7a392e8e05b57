"""Device slots: at most so many workers share a device; each holds its slot by a lease in Redis."""

from __future__ import annotations

from redis import Redis

from jobs.connections import store_errors
from jobs.settings import JobSettings
from jobs.store.scripts import milliseconds, pack, source


class DeviceSlots:
    """The slots as one worker sees them; every method raises StoreUnavailable if Redis does not answer."""

    def __init__(self, redis: Redis, settings: JobSettings, *, worker: str) -> None:
        self._worker = worker
        self._ttl = milliseconds(settings.lease_seconds)
        self._acquire = redis.register_script(source("locks/acquire_slot", settings))
        self._release = redis.register_script(source("locks/release_slot", settings))

    def acquire(self, slot: str) -> bool:
        """Take a free slot, or keep our own for another lease; False if another worker has it."""
        with store_errors():
            return bool(self._acquire(args=[pack({"slot": slot, "worker": self._worker, "ttl": self._ttl})]))

    def release(self, slot: str) -> None:
        """Give our slot back."""
        with store_errors():
            self._release(args=[pack({"slot": slot, "worker": self._worker})])
