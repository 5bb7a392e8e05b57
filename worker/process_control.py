"""A worker's processes and the operating system: draining on SIGTERM, dying with the parent, priority, forks."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from types import FrameType
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
PR_SET_PDEATHSIG = 1
SAME_SIGNAL_SECONDS = 1.0


class DrainFlag:
    """Tells a worker's processes to drain: finish or hand back the job, and take no other.

    Two bytes of memory that processes forked later share, without a lock that a killed process could keep.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 2)

    def set(self) -> None:
        """Ask all processes to drain."""
        self._memory[0] = 1

    def abort(self) -> None:
        """Ask the worker to end with an error: its device cannot compute."""
        self._memory[1] = 1
        self.set()

    @property
    def aborted(self) -> bool:
        """Return whether the worker has to end with an error."""
        return self._memory[1] == 1

    def __call__(self) -> bool:
        """Return whether the worker is draining."""
        return self._memory[0] == 1


@contextmanager
def drain_on_sigterm(flag: DrainFlag) -> Iterator[None]:
    """Make the first SIGTERM set the flag and a later one end the process, while a child runs a job.

    Entered for each job, because Celery's pool installs its own handler after the child was set up. That one ends the
    process, which is right between jobs.
    """
    # The flag cannot tell whether this process got a signal before: the parent sets it too.
    first: float | None = None

    def handle(number: int, _: FrameType | None) -> None:
        nonlocal first
        flag.set()
        if first is None:
            first = time.monotonic()
        # When the parent dies, the kernel sends one SIGTERM for each of its threads.
        elif time.monotonic() - first > SAME_SIGNAL_SECONDS:
            os._exit(128 + number)

    previous = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextmanager
def exit_on_sigterm() -> Iterator[None]:
    """Make SIGTERM end the process inside the block; by default it does not end a container's first process."""

    def handle(*_: int | FrameType | None) -> None:
        raise SystemExit(0)

    previous = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def die_with_parent() -> None:
    """Have the kernel send this process a SIGTERM when its parent dies (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def lower_cpu_priority(nice: int) -> None:
    """Raise the niceness of this process, and do not let it preempt others when it wakes (Linux)."""
    os.nice(nice)
    # SCHED_BATCH halves the tail latency of status requests during a run and does not slow the run down. Some
    # sandboxes refuse it; the worker then runs without.
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def call_in_fork(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in a short-lived child process and return its result.

    For what a process must not do before it forks: initializing CUDA, or using S3, whose threads a fork would lose.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as executor:
        return executor.submit(function, *args, **kwargs).result()
