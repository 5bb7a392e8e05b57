"""How many bytes the files of a storage take, counted in a file that all processes share."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

DIGITS = 20  # the number is overwritten in one write of fixed length


class Usage:
    """A counter in a locked file; it counts nothing until it has been started.

    A process that is killed between a change of the storage and its count leaves the number wrong, so compare it with
    the disk now and then and `add` the difference.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> int | None:
        """Return the number of bytes; None before `start`."""
        try:
            return _parse(self._path.read_bytes())
        except FileNotFoundError:
            return None

    def start(self, count: int) -> None:
        """Start with a number of bytes, unless another process has done so already."""
        self._update(lambda before: count if before is None else before, create=True)

    def add(self, count: int) -> None:
        """Add a number of bytes, which may be negative."""
        if count:
            self._update(lambda before: None if before is None else max(0, before + count))

    @contextmanager
    def comparing(self) -> Iterator[bool]:
        """Yield whether the caller may `add` a difference that it finds: one at a time, or each would add it."""
        file = os.open(self._path.with_name(f"{self._path.name}-comparing"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(file)

    def _update(self, change: Callable[[int | None], int | None], *, create: bool = False) -> None:
        try:
            with self._locked(create) as file:
                after = change(_parse(os.pread(file, DIGITS, 0)))
                if after is not None:
                    os.pwrite(file, f"{after:0{DIGITS}d}".encode(), 0)
        except FileNotFoundError:
            return

    @contextmanager
    def _locked(self, create: bool) -> Iterator[int]:
        file = os.open(self._path, os.O_RDWR | (os.O_CREAT if create else 0), 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)


def _parse(text: bytes) -> int | None:
    """Return the number; None if a crash of the machine has left something else."""
    return int(text) if len(text) == DIGITS and text.isdigit() else None
