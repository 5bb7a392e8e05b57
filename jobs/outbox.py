"""Webhooks that are due: written by the script that ends a job, taken from here by whoever delivers them.

Ending a job with a `webhook_url` writes a delivery in the same script, so that none is forgotten. A delivery that was
taken and not settled comes back after its lease.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis import Redis


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One webhook to be sent; `id` stays the same over all attempts (the `webhook-id`)."""

    id: str
    job_id: str
    owner: str
    url: str
    attempt: int  # counts from 1
    payload: Mapping[str, Any]  # {"type": "job.succeeded", "timestamp": ..., "data": {"id", "status", "error"}}


class Outbox:
    """Synchronous access to the deliveries."""

    def __init__(self, redis: Redis) -> None:
        raise NotImplementedError

    def take(self, *, lease_seconds: float = 60.0) -> Delivery | None:
        """Take the next delivery that is due, or None; it comes back after `lease_seconds` unless settled."""
        raise NotImplementedError

    def done(self, delivery: Delivery) -> None:
        """Forget a delivery: it was accepted, or is given up."""

    def again(self, delivery: Delivery, *, in_seconds: float) -> None:
        """Make a delivery due again later."""
