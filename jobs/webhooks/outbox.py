"""The outbox: webhooks and results that wait for delivery.

The script that ends a job with a `webhook_url` also writes the delivery, so none is lost. A delivery that was taken but
not settled becomes due again when its lease expires.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis import Redis

from jobs.connections import store_errors
from jobs.model import ResultDelivery
from jobs.settings import JobSettings
from jobs.store.scripts import Scripts, key, milliseconds
from jobs.store.serialization import encode


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """A webhook or a result to send; `id` is the same for all attempts, which count from 1."""

    id: str
    job_id: str
    owner: str
    url: str
    attempt: int
    traceparent: str | None = None
    payload: Mapping[str, Any]  # {"type": "job.succeeded", "time_ms": ..., "data": {"id", "status", "error"?}}


class Outbox:
    """Synchronous access to the deliveries."""

    def __init__(self, redis: Redis, settings: JobSettings) -> None:
        self._redis: Any = redis
        self._scripts = Scripts(redis, settings, "take_webhook", "settle_delivery")

    def take(self, *, lease_seconds: float = 60.0) -> Delivery | None:
        """Take the next delivery that is due, if any; unless settled, it is due again after `lease_seconds`."""
        with store_errors():
            if not self._redis.exists(key("webhooks")):
                return None
        found = self._scripts.run("take_webhook", lease=milliseconds(lease_seconds))
        if found is None:
            return None
        name, flat = found
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        return Delivery(
            id=name,
            job_id=fields["job"],
            owner=fields["owner"],
            url=fields["url"],
            attempt=int(fields["attempt"]),
            traceparent=fields.get("traceparent"),
            payload=json.loads(fields["payload"]),
        )

    def done(self, delivery: Delivery) -> None:
        """Remove a delivery that was accepted or is given up."""
        with store_errors():
            pipe = self._redis.pipeline(transaction=True)
            pipe.delete(key("webhook", delivery.id)).zrem(key("webhooks"), delivery.id).execute()

    def settle_result(self, delivery: Delivery, outcome: ResultDelivery) -> None:
        """Remove the delivery of a result, and write to its job how it ended."""
        self._scripts.run("settle_delivery", delivery=delivery.id, id=delivery.job_id, value=encode(outcome))

    def retry(self, delivery: Delivery, *, in_seconds: float) -> None:
        """Make a delivery due again later."""
        with store_errors():
            seconds, _ = self._redis.time()
            due = seconds * 1000 + milliseconds(in_seconds)
            self._redis.zadd(key("webhooks"), {delivery.id: due}, xx=True)
