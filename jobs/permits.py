"""Permits: Celery messages that each allow a worker to run one job, whichever is next by then."""

from __future__ import annotations

from typing import Protocol

from jobs.status import Priority


class Permits(Protocol):
    """Where permits are published."""

    def publish(self, model: str, priority: Priority) -> None:
        """Publish one permit; blocks shortly, raises StoreUnavailable if the broker cannot be reached."""


def queue_name(model: str, priority: Priority) -> str:
    """Name the Celery queue of a network and priority."""
    return f"run.{model}.{priority}"
