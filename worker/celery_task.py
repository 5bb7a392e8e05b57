"""The Celery side of a worker: the task that runs the next job, the process that it runs in, and the consumer."""

from __future__ import annotations

import logging
import os
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from celery import Celery, signals
from celery.exceptions import SecurityWarning
from celery.worker.consumer.consumer import Consumer
from kombu.transport import redis as redis_transport
from kombu.transport import virtual

from jobs.errors import StoreUnavailable
from jobs.queue import RUN_TASK
from worker.attempt import Outcome
from worker.engine import BrokenDeviceError
from worker.process_control import DrainFlag, die_with_parent, drain_on_sigterm, lower_cpu_priority
from worker.registration import Registration
from worker.runner import Runner

log = logging.getLogger(__name__)
LOST_CHILD_SECONDS = 0.5  # Celery waits this long for the result of a child that died; tasks here have none
RECONNECT_SECONDS, MAX_RECONNECT_SECONDS = 0.5, 3.0


class WorkerProcess:
    """The child process that runs jobs; `build` is called in it, after the fork."""

    def __init__(self, build: Callable[[], tuple[Runner, Registration]], flag: DrainFlag, *, nice: int) -> None:
        self._build = build
        self._flag = flag
        self._nice = nice
        self._runner: Runner | None = None
        self._registration: Registration | None = None

    def start(self, **_: Any) -> None:
        """Set up the process after the fork; nothing touches a device before."""
        die_with_parent()
        lower_cpu_priority(self._nice)
        try:
            self._runner, self._registration = self._build()
        except BrokenDeviceError as error:
            log.critical("the worker takes no jobs and ends: %s", error)
            self._flag.abort()
            os.kill(os.getppid(), signal.SIGTERM)
            return
        self._registration.start()

    def stop(self, **_: Any) -> None:
        """Deregister the worker."""
        if self._registration is not None:
            self._registration.stop()

    def handle(self, model: str) -> None:
        """Run the next job of a network; kill the process afterwards if it must not run another."""
        if self._runner is None:
            raise RuntimeError("the worker process was not started")
        try:
            with drain_on_sigterm(self._flag):
                outcome = self._runner.run_next(model)
        except StoreUnavailable as error:
            log.warning("no job of %s was claimed, the reaper will send another message: %s", model, error)
            return
        if outcome is Outcome.RETIRE:
            log.warning("this process ends, so that the next attempt starts in a fresh one")
            self.stop()
            os.kill(os.getpid(), signal.SIGKILL)


class FastReconnectConsumer(Consumer):
    """A consumer that tries to reconnect every 3 s; Celery's own waits up to 30 s between two tries."""

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, and try again until that succeeds."""
        conn.ensure_connection = partial(
            conn.ensure_connection,
            interval_start=RECONNECT_SECONDS,
            interval_step=RECONNECT_SECONDS,
            interval_max=MAX_RECONNECT_SECONDS,
        )
        return super().ensure_connected(conn)


class ForgettingQoS(redis_transport.QoS):
    """Forgets a message whose acknowledgment or rejection fails, such as while Redis loads its data.

    kombu's own keeps it, and a worker that may hold one message at a time would never take another. A message that
    Redis keeps does no harm: it names no job.
    """

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message; raise what Redis raises."""
        with self._forgetting(delivery_tag):
            super().ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Reject a message; raise what Redis raises."""
        with self._forgetting(delivery_tag):
            super().reject(delivery_tag, requeue=requeue)

    @contextmanager
    def _forgetting(self, delivery_tag: str) -> Iterator[None]:
        try:
            yield
        except Exception:
            virtual.QoS.ack(self, delivery_tag)
            raise


def serve(app: Celery, process: WorkerProcess, flag: DrainFlag, *, name: str, queues: Sequence[str]) -> int:
    """Run a Celery worker with one child process until it is told to stop, and return its exit code."""
    warnings.simplefilter("ignore", SecurityWarning)  # about root and pickle: messages here are JSON
    app.conf.worker_consumer = FastReconnectConsumer
    app.conf.worker_lost_wait = LOST_CHILD_SECONDS
    redis_transport.Channel.QoS = ForgettingQoS

    @app.task(name=RUN_TASK, ignore_result=True)
    def run(model: str) -> None:
        process.handle(model)

    def shutting_down(**_: Any) -> None:
        flag.set()

    # Signals hold these weakly; they live until this function returns.
    signals.worker_process_init.connect(process.start)
    signals.worker_process_shutdown.connect(process.stop)
    signals.worker_shutting_down.connect(shutting_down)
    worker = app.Worker(
        hostname=name,
        queues=list(queues),
        pool="prefork",
        concurrency=1,
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    worker.start()
    code: int | None = worker.exitcode
    return code or 0
