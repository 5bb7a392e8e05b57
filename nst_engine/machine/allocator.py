"""The memory allocator and the threads of a process that computes on the CPU; loads no torch."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

# From glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_LARGEST_INT = 2**31 - 1


def configure_cpu_runtime() -> None:
    """Let idle threads sleep, and keep freed memory in the process. Call this before torch is loaded."""
    # Threads that spin while they wait make a busy machine ten times slower. torch reads this when it is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Each iteration needs the same memory again. glibc would return large blocks to the kernel at once, and a quarter
    # to half of an iteration would go into page faults (docs/adr/0014-memory-threads-precision.md).
    if mallopt := _libc_function("mallopt"):
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, _LARGEST_INT)


def trim_heap() -> None:
    """Return unused memory of the heap to the kernel."""
    if trim := _libc_function("malloc_trim"):
        trim(0)


def _libc_function(name: str) -> Callable[..., int] | None:
    """Return a function of glibc, or None if the C library is another one."""
    return getattr(ctypes.CDLL(None), name, None) if os.name == "posix" else None
