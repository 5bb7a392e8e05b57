"""How a process that computes on the CPU sets itself up and holds its memory; loads no torch."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

# Numbers of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_LARGEST_INT = 2**31 - 1


def configure_cpu_runtime() -> None:
    """Let threads sleep while they wait, and keep memory that was freed. Call it before torch is loaded."""
    # Read when torch is loaded. Threads that spin while they wait make a busy machine ten times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Each iteration needs the same memory again. glibc would give large blocks back to the kernel at once, and a
    # quarter to half of an iteration would go into page faults (docs/adr/0014-memory-threads-precision.md).
    if mallopt := _of_libc("mallopt"):
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, _LARGEST_INT)


def trim_heap() -> None:
    """Return the memory that is kept and not used to the kernel."""
    if trim := _of_libc("malloc_trim"):
        trim(0)


def _of_libc(name: str) -> Callable[..., int] | None:
    """Return a function of glibc; None where the C library is another one."""
    return getattr(ctypes.CDLL(None), name, None) if os.name == "posix" else None
