"""Periodic tasks: each in a thread, and some in a maintenance process beside the one that computes."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn

from jobs.errors import JobsError
from worker.process_control import die_with_parent

log = logging.getLogger(__name__)
RESTART_SECONDS = 1.0
PARENT_CHECK_SECONDS = 1.0


class PeriodicTask:
    """Calls a function every so many seconds in a daemon thread; what the function raises is logged."""

    def __init__(self, function: Callable[[], object], *, name: str, seconds: float) -> None:
        self._function = function
        self._name = name
        self._seconds = seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread; the first call comes after the first interval."""
        self._thread.start()

    def stop(self, *, wait_seconds: float = 0) -> None:
        """Make no further call; wait a while for one in progress."""
        self._stopped.set()
        if wait_seconds and self._thread.is_alive():
            self._thread.join(wait_seconds)

    def _run(self) -> None:
        while not self._stopped.wait(self._seconds):
            try:
                self._function()
            except JobsError as error:
                log.warning("%s failed, next try in %g s: %s", self._name, self._seconds, error)
            except Exception:  # the thread has to outlive any error of its function
                log.exception("%s failed, next try in %g s", self._name, self._seconds)


class Maintenance:
    """Runs periodic tasks in a process of its own, and restarts that process if it dies.

    Threads of the worker's main process would not do: it forks the child that computes, and a process that has used
    S3 must not fork. `build` is called in the new process.
    """

    def __init__(self, build: Callable[[], Sequence[PeriodicTask]]) -> None:
        self._build = build
        self._stopped = threading.Event()
        self._pid: int | None = None

    def start(self) -> None:
        """Start the process; call this before the main process starts other threads."""
        self._fork()
        threading.Thread(target=self._watch, name="maintenance", daemon=True).start()

    def stop(self) -> None:
        """End the process; its tasks may be interrupted anywhere."""
        self._stopped.set()
        pid = self._pid
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _watch(self) -> None:
        while self._pid is not None:
            with suppress(ChildProcessError):
                os.waitpid(self._pid, 0)
            self._pid = None
            if self._stopped.wait(RESTART_SECONDS):
                return
            log.warning("the maintenance process died; restarting it")
            self._fork()

    def _fork(self) -> None:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _maintain(self._build, parent)
        self._pid = pid


def _maintain(build: Callable[[], Sequence[PeriodicTask]], parent: int) -> NoReturn:
    """Run the tasks until this process is told to end, or its parent is gone."""
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends this process last
        signal.set_wakeup_fd(-1)
        die_with_parent()
        for task in build():
            task.start()
        while os.getppid() == parent:
            time.sleep(PARENT_CHECK_SECONDS)
        code = 0
    except Exception:  # the last frame of this process
        log.exception("the maintenance process failed")
    finally:
        os._exit(code)
