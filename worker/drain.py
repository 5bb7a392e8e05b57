"""The drain flag: one byte that a worker process and its children share, set when the worker has to end."""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import sys
from types import FrameType

PR_SET_PDEATHSIG = 1


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


def drain_on_sigterm(flag: DrainFlag) -> None:
    """In a child: take the first SIGTERM as the wish to hand the job back, the second as an order to end."""

    heard_before = False  # not the flag: the parent sets that too, when a whole process group is told to end

    def heard(number: int, _: FrameType | None) -> None:
        nonlocal heard_before
        if heard_before:
            os._exit(128 + number)
        heard_before = True
        flag.set()

    signal.signal(signal.SIGTERM, heard)


def end_with_parent() -> None:
    """In a child on Linux: get a SIGTERM when the parent dies, so that no child works on unseen."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
