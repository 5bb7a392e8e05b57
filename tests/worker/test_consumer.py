"""How quickly a worker comes back to a broker that was away."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from worker.consumer import LONGEST_SECONDS, QuickConsumer


class NotedConnection:
    """A connection that notes how it is told to try again."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}

    def ensure_connection(self, *_: Any, **told: Any) -> NotedConnection:
        self.told = told
        return self


def test_tries_are_never_far_apart() -> None:
    consumer: Any = QuickConsumer.__new__(QuickConsumer)
    conf = SimpleNamespace(broker_connection_retry_on_startup=True, broker_connection_max_retries=None)
    consumer.app, consumer.first_connection_attempt = SimpleNamespace(conf=conf), True
    connection = NotedConnection()
    assert consumer.ensure_connected(connection) is connection
    assert connection.told["interval_max"] == LONGEST_SECONDS <= 5
