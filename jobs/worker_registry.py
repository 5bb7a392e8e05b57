"""The registry of live workers: what each announces of itself, and which networks they serve."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import redis.asyncio
from redis import Redis

from jobs.connections import store_errors
from jobs.model import WorkerInfo
from jobs.settings import JobSettings
from jobs.status import Priority
from jobs.store.scripts import AsyncScripts, Scripts, key, milliseconds

TTL_SECONDS = 15.0  # a worker that has not announced itself for this long is gone
REFRESH_SECONDS = 60.0  # between two looks at the clock of Redis; they save two commands of each announcement
NETWORK_SECONDS = 3600.0  # jobs for a network are accepted for this long after its last worker has gone


class WorkerRegistry:
    """The registry for one worker; every method raises StoreUnavailable if Redis does not answer."""

    def __init__(
        self,
        client: Redis,
        settings: JobSettings,
        *,
        ttl_seconds: float = TTL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis: Any = client
        self._scripts = Scripts(client, settings, "live_workers")
        self._ttl = milliseconds(ttl_seconds)
        self._clock = clock
        self._offset = 0.0  # seconds from this process's clock to that of Redis
        self._refresh_at = -math.inf

    def announce(self, worker: WorkerInfo) -> None:
        """Announce that a worker is alive; repeat it within the time to live."""
        with store_errors():
            refresh = self._clock() >= self._refresh_at
            if refresh:
                seconds, micros = self._redis.time()
                self._offset = seconds + micros / 1e6 - self._clock()
            now = self._clock() + self._offset
            until = round(now * 1000) + self._ttl
            pipe = self._redis.pipeline(transaction=False)
            pipe.set(key("worker", worker.id), json.dumps(asdict(replace(worker, seen_at=now))), px=self._ttl)
            pipe.zadd(key("workers"), {worker.id: until})
            for model in worker.models:
                pipe.zadd(key("serving", model), {worker.id: until})
            if refresh:
                # Stays when the worker is gone, so that a network is known while all of its workers restart.
                pipe.zadd(key("networks"), dict.fromkeys(worker.models, int(now)))
            due, self._refresh_at = self._refresh_at, -math.inf  # at once, unless this call succeeds
            pipe.execute()
            self._refresh_at = self._clock() + REFRESH_SECONDS if refresh else due

    def retire(self, worker: WorkerInfo) -> None:
        """Remove a worker that ends."""
        with store_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.delete(key("worker", worker.id))
            pipe.zrem(key("workers"), worker.id)
            for model in worker.models:
                pipe.zrem(key("serving", model), worker.id)
            pipe.execute()

    def live(self) -> tuple[WorkerInfo, ...]:
        """Return the live workers."""
        return _decode(self._scripts.run("live_workers"))


class AsyncWorkerRegistry:
    """The registry for the API; every method raises StoreUnavailable if Redis does not answer."""

    def __init__(self, client: redis.asyncio.Redis, settings: JobSettings) -> None:
        self._redis: Any = client
        self._scripts = AsyncScripts(client, settings, "live_workers")

    async def live(self) -> tuple[WorkerInfo, ...]:
        """Return the live workers."""
        return _decode(await self._scripts.run("live_workers"))

    async def models(self) -> frozenset[str]:
        """Return the networks that at least one live worker has."""
        return frozenset(model for worker in await self.live() for model in worker.models)

    async def accepts(self, model: str) -> bool:
        """Tell whether to accept jobs for a network.

        True if a live worker has it, if one had it in the last hour and may be restarting, or if no worker is alive.
        """
        with store_errors():
            seconds, _ = await self._redis.time()
            pipe = self._redis.pipeline(transaction=False)
            for name in (key("serving", model), key("workers")):
                pipe.zcount(name, seconds * 1000, "+inf")
            serving, alive, seen = await pipe.zscore(key("networks"), model).execute()
        return bool(serving or not alive or (seen and seen >= seconds - NETWORK_SECONDS))


def _decode(texts: Sequence[str]) -> tuple[WorkerInfo, ...]:
    return tuple(_worker(text) for text in texts)


def _worker(text: str) -> WorkerInfo:
    """Read an announcement, ignoring what this release does not know."""
    values = json.loads(text)
    names = WorkerInfo.__dataclass_fields__
    known = {name: value for name, value in values.items() if name in names}
    known["models"] = tuple(known["models"])
    known["priorities"] = tuple(Priority(item) for item in known["priorities"] if item in set(Priority))
    return WorkerInfo(**known)
