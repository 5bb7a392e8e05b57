"""Temporary folders under the data folder, for request bodies and pictures that are being converted."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class TemporaryFiles:
    """Make folders under `path` and remove those that a killed process left behind."""

    def __init__(self, path: Path, *, max_age_seconds: float) -> None:
        self.path, self._max_age_seconds = path, max_age_seconds
        self._in_use: set[str] = set()  # names of folders

    @contextmanager
    def folder(self, prefix: str) -> Iterator[Path]:
        """Make a folder that is removed at the end of the block."""
        self.path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=prefix, dir=self.path, ignore_cleanup_errors=True) as folder:
            self._in_use.add(Path(folder).name)
            try:
                yield Path(folder)
            finally:
                self._in_use.discard(Path(folder).name)

    def sweep(self) -> None:
        """Remove folders that are older than any upload may take, except for those in use."""
        if not self.path.is_dir():
            return
        for folder in self.path.iterdir():
            if folder.name in self._in_use:
                continue
            with suppress(FileNotFoundError):  # its upload has just ended
                if time.time() - folder.stat().st_mtime > self._max_age_seconds:
                    shutil.rmtree(folder, ignore_errors=True)
