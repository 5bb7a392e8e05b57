"""How a worker gets back to a broker that was away."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from kombu.transport import virtual
from redis.exceptions import BusyLoadingError

from worker.celery_task import MAX_RECONNECT_SECONDS, FastReconnectConsumer, ForgettingQoS


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


class LoadingChannel:
    """A channel to a Redis that loads its data."""

    do_restore = False

    def conn_or_acquire(self, client: object) -> Any:
        raise BusyLoadingError("Redis is loading the dataset in memory")


@pytest.mark.parametrize("settle", [ForgettingQoS.ack, ForgettingQoS.reject])
def test_a_worker_takes_messages_again_after_an_answer_that_failed(settle: Callable[..., None]) -> None:
    qos = ForgettingQoS(LoadingChannel(), prefetch_count=1)
    virtual.QoS.append(qos, object(), "tag")  # which records it here alone
    assert not qos.can_consume()
    with pytest.raises(BusyLoadingError):
        settle(qos, "tag")
    assert qos.can_consume()
