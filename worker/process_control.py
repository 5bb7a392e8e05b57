"""The drain flag: one byte that a worker process and its children share, set when the worker has to end."""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

PR_SET_PDEATHSIG = 1
SAME_MOMENT = 1.0


class DrainFlag:
    """A flag in shared memory; made before the children are forked, no lock that a killed process could keep."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1)

    def set(self) -> None:
        """Say that the worker has to end."""
        self._memory[0] = 1

    def __call__(self) -> bool:
        """Tell whether the worker has to end."""
        return self._memory[0] == 1


@contextmanager
def draining_on_sigterm(flag: DrainFlag) -> Iterator[None]:
    """In a child at work: take the first SIGTERM as the wish to hand the job back, a later one as an order to end.

    Set for each job, because the pool puts its own handler in place after the child was set up; that one, which ends
    the process, is right while there is no job.
    """
    # Not the flag: the parent sets that too, when a whole process group is told to end.
    first: float | None = None

    def heard(number: int, _: FrameType | None) -> None:
        nonlocal first
        flag.set()
        if first is None:
            first = time.monotonic()
        # A parent that dies sends one for each of its threads, at the same moment.
        elif time.monotonic() - first > SAME_MOMENT:
            os._exit(128 + number)

    before = signal.signal(signal.SIGTERM, heard)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def die_with_parent() -> None:
    """In a child on Linux: get a SIGTERM when the parent dies, so that no child works on unseen."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
