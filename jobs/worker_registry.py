"""What live workers announce of themselves."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

from redis import Redis

from jobs.connections import store_errors
from jobs.model import WorkerInfo
from jobs.status import Priority
from jobs.store.scripts import key, milliseconds


def decode_worker(text: str) -> WorkerInfo:
    """Read an announcement, passing over what this release does not know."""
    values = json.loads(text)
    names = WorkerInfo.__dataclass_fields__
    known = {name: value for name, value in values.items() if name in names}
    known["models"] = tuple(known["models"])
    known["priorities"] = tuple(Priority(item) for item in known["priorities"] if item in set(Priority))
    return WorkerInfo(**known)


class WorkerRegistry:
    """Synchronous access to the list of live workers."""

    def __init__(self, redis: Redis, *, ttl_seconds: float) -> None:
        self._redis: Any = redis
        self._ttl = milliseconds(ttl_seconds)

    def announce(self, worker: WorkerInfo) -> None:
        """Say that a worker is alive; it counts as gone when it has not said so for the time to live."""
        with store_errors():
            seconds, micros = self._redis.time()
            until = seconds * 1000 + micros // 1000 + self._ttl
            pipe = self._redis.pipeline(transaction=False)
            seen = replace(worker, seen_at=seconds + micros / 1e6)
            pipe.set(key("worker", worker.id), json.dumps(asdict(seen)), px=self._ttl)
            pipe.zadd(key("workers"), {worker.id: until})
            for model in worker.models:
                pipe.zadd(key("serving", model), {worker.id: until})
            # Stays when the worker goes, so that a restart of all workers that have a network does not make it unknown.
            pipe.zadd(key("networks"), dict.fromkeys(worker.models, seconds))
            pipe.execute()

    def retire(self, worker: WorkerInfo) -> None:
        """Say that a worker is gone."""
        with store_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.delete(key("worker", worker.id))
            pipe.zrem(key("workers"), worker.id)
            pipe.srem(key("draining"), worker.id)
            for model in worker.models:
                pipe.zrem(key("serving", model), worker.id)
            pipe.execute()

    def live(self) -> tuple[WorkerInfo, ...]:
        """List the live workers, and forget those that are gone."""
        with store_errors():
            names = sorted(self._redis.zrange(key("workers"), 0, -1))
            texts = self._redis.mget([key("worker", name) for name in names]) if names else []
        gone = [name for name, text in zip(names, texts, strict=True) if text is None]
        if gone:
            with store_errors():
                self._redis.zrem(key("workers"), *gone)
        return tuple(decode_worker(text) for text in texts if text is not None)

    def drain(self, worker_id: str) -> None:
        """Ask a worker to hand its job back and take no other; it ends by itself."""
        with store_errors():
            self._redis.sadd(key("draining"), worker_id)
