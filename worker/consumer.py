"""Celery's consumer, but quicker to come back: its own waits up to 30 s between two tries to reach the broker."""

from __future__ import annotations

from functools import partial
from typing import Any

from celery.worker.consumer.consumer import Consumer

FIRST_SECONDS, STEP_SECONDS, LONGEST_SECONDS = 0.5, 0.5, 3.0


class QuickConsumer(Consumer):
    """A consumer that tries again every few seconds at most, however long the broker was away."""

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, trying again until it works."""
        conn.ensure_connection = partial(
            conn.ensure_connection,
            interval_start=FIRST_SECONDS,
            interval_step=STEP_SECONDS,
            interval_max=LONGEST_SECONDS,
        )
        return super().ensure_connected(conn)
