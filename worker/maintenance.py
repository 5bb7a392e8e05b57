"""The keeper: a process beside the one that computes, which reaps and delivers webhooks."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn

from worker.process_control import die_with_parent

log = logging.getLogger(__name__)
PeriodicTask = Callable[[Callable[[float], bool]], None]
AGAIN_SECONDS = 1.0


class Maintenance:
    """Runs chores in a process of their own, in a new one should it die.

    Not in threads of this process: it forks the children that compute, and whoever has used S3 must not fork.
    `build` is called in the new process. A chore is given a wait that says when to stop.
    """

    def __init__(self, build: Callable[[], Sequence[PeriodicTask]]) -> None:
        self._build = build
        self._stopped = threading.Event()
        self._pid: int | None = None

    def start(self) -> None:
        """Start the process; for a main thread that has no other threads at work yet."""
        self._fork()
        threading.Thread(target=self._watch, name="keeper", daemon=True).start()

    def stop(self) -> None:
        """End the process; its chores can be broken off anywhere."""
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
            if self._stopped.wait(AGAIN_SECONDS):
                return
            log.warning("the keeper's process ended; starting it again")
            self._fork()

    def _fork(self) -> None:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _work(self._build, parent)
        self._pid = pid


def _work(build: Callable[[], Sequence[PeriodicTask]], parent: int) -> NoReturn:
    """Do the chores until told to end, or the parent is gone."""
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one last
        signal.set_wakeup_fd(-1)
        die_with_parent()

        def orphaned(seconds: float) -> bool:
            time.sleep(seconds)
            return os.getppid() != parent

        threads = [threading.Thread(target=chore, args=(orphaned,), daemon=True) for chore in build()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        code = 0
    except Exception:  # the runner of this process
        log.exception("the keeper's process met an unexpected error")
    finally:
        os._exit(code)
