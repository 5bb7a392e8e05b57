"""What ends the run of a film before it is complete."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from nst_engine.spec.errors import FilmError
from worker.engine import RunError


class RunStoppedError(Exception):
    """The run has to stop, and noticed it between two steps: reading a film may take minutes without one."""


class DiskFullError(Exception):
    """The disk of the worker has no room for the film."""


@contextmanager
def film_errors() -> Iterator[None]:
    """Convert a film that cannot be read or written into a run that cannot be done."""
    try:
        yield
    except FilmError as error:
        raise RunError("invalid_input", f"The film of the job cannot be used: {error.message}") from None


@contextmanager
def disk_errors() -> Iterator[None]:
    """Convert a full disk into DiskFullError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError("the disk of the worker is full") from error
        raise
