"""Temporary folders under the data folder, for request bodies, conversions and films that are being painted."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jobs.errors import StorageFull


class TemporaryFiles:
    """Make folders under `path` and remove those that a killed process left behind.

    A folder is locked while it is in use. The system releases the locks of a process that ends.
    """

    def __init__(self, path: Path, *, max_age_seconds: float) -> None:
        self.path, self._max_age_seconds = path, max_age_seconds

    @contextmanager
    def folder(self, prefix: str) -> Iterator[Path]:
        """Make a folder that is removed at the end of the block."""
        self.path.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(prefix=prefix, dir=self.path, ignore_cleanup_errors=True)
        with temporary as name, _opened(Path(name)) as folder:
            with suppress(OSError):  # a file system without locks; the sweeper removes nothing there
                fcntl.flock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
            yield Path(name)

    def check(self, min_free_bytes: int) -> None:
        """Raise StorageFull if folders have been made on a disk that has less free space than this."""
        with suppress(OSError):  # no folder has been made
            if shutil.disk_usage(self.path).free < min_free_bytes:
                raise StorageFull()

    def sweep(self) -> None:
        """Remove folders older than `max_age_seconds`, except for those that a process has in use."""
        if not self.path.is_dir():
            return
        for folder in self.path.iterdir():
            with suppress(OSError):  # it has just been removed, or it is in use
                if time.time() - folder.stat().st_mtime > self._max_age_seconds:
                    with _opened(folder) as descriptor:
                        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
