"""How soon a worker tries again to reach a broker that was away."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from worker.celery_task import MAX_RECONNECT_SECONDS, FastReconnectConsumer


class RecordingConnection:
    """A connection that records the intervals it is given."""

    def __init__(self) -> None:
        self.intervals: dict[str, Any] = {}

    def ensure_connection(self, *_: Any, **intervals: Any) -> RecordingConnection:
        self.intervals = intervals
        return self


def test_tries_are_never_far_apart() -> None:
    consumer: Any = FastReconnectConsumer.__new__(FastReconnectConsumer)
    conf = SimpleNamespace(broker_connection_retry_on_startup=True, broker_connection_max_retries=None)
    consumer.app, consumer.first_connection_attempt = SimpleNamespace(conf=conf), True
    connection = RecordingConnection()
    assert consumer.ensure_connected(connection) is connection
    assert connection.intervals["interval_max"] == MAX_RECONNECT_SECONDS <= 5
