"""The least that receiving a photo costs: decode it, hash what is stored, sync that to the disk; on all cores."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from jobs.cores import cores
from nst_engine.images.reading import read_picture


class UploadBaseline:
    """Processes that do nothing but that; `photo` is the upload, `stored` what the service makes of it."""

    def __init__(self, photo: bytes, stored: bytes, folder: Path) -> None:
        self._work = photo, stored, folder
        self._count = cores()
        self._pool = ProcessPoolExecutor(self._count, mp_context=get_context("spawn"))

    def rate(self, *, seconds: float, decode: bool) -> float:
        """Return the photos a second that are hashed and synced to the disk; with `decode`, decoded before."""
        photo, stored, folder = self._work
        arguments = (photo if decode else None, stored, folder, seconds)
        running = [self._pool.submit(_process_rate, *arguments) for _ in range(self._count)]
        return sum(one.result() for one in running)

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown()


def _process_rate(photo: bytes | None, stored: bytes, folder: Path, seconds: float) -> float:
    """Return the photos a second of this process."""
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        if photo is not None:
            read_picture(photo)
        target = folder / f"baseline-{secrets.token_hex(8)}"
        hashlib.sha256(stored).hexdigest()
        with target.with_suffix(".part").open("wb") as file:
            file.write(stored)
            file.flush()
            os.fsync(file.fileno())
        target.with_suffix(".part").rename(target)
        target.unlink()
        count += 1
    return count / (time.perf_counter() - started)
