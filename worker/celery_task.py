"""The Celery side of a worker: the task that handles a message, and what happens when processes come and go."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from typing import Any

from celery import Celery, signals

from jobs.errors import StoreUnavailable
from jobs.queue import RUN_TASK
from worker.attempt import Outcome
from worker.priority import lower_cpu_priority
from worker.process_control import DrainFlag, die_with_parent, draining_on_sigterm
from worker.registration import Registration
from worker.runner import Runner

log = logging.getLogger(__name__)
Build = Callable[[], tuple[Runner, Registration]]


class Process:
    """What one child process holds: its runner and its presence, built after the fork."""

    def __init__(self, build: Build, flag: DrainFlag, nice: int) -> None:
        self._build = build
        self._flag = flag
        self._nice = nice
        self._runner: Runner | None = None
        self._presence: Registration | None = None

    def begin(self, **_: Any) -> None:
        """Set up a child that was just forked; devices are touched here for the first time."""
        die_with_parent()
        lower_cpu_priority(self._nice)
        self._runner, self._presence = self._build()
        self._presence.start()

    def end(self, **_: Any) -> None:
        """Say goodbye."""
        if self._presence is not None:
            self._presence.stop()

    def spend(self, model: str) -> None:
        """Handle one message; a process that must not go on ends after it."""
        if self._runner is None:
            raise RuntimeError("the process was not set up")
        try:
            with draining_on_sigterm(self._flag):
                outcome = self._runner.run_next(model)
        except StoreUnavailable as error:
            log.warning("a message for %s was lost, the reaper will send another: %s", model, error)
            return
        if outcome is Outcome.RETIRE:
            log.warning("this process ends so that the next run starts in a fresh one")
            self.end()
            os.kill(os.getpid(), signal.SIGKILL)


def attach(app: Celery, process: Process, flag: DrainFlag) -> list[Callable[..., Any]]:
    """Connect task and signals to an application; the caller keeps what is returned, for signals hold it weakly."""

    @app.task(name=RUN_TASK, ignore_result=True)
    def run(model: str) -> None:
        """Run the next job of a network."""
        process.spend(model)

    def shutting_down(**_: Any) -> None:
        flag.set()

    signals.worker_process_init.connect(process.begin)
    signals.worker_process_shutdown.connect(process.end)
    signals.worker_shutting_down.connect(shutting_down)
    return [run, shutting_down]
