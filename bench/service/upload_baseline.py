"""What taking a photo in costs at least: decoding it, hashing what is kept, having that on the disk; on all cores."""

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


class Floor:
    """Processes that do nothing but that; `photo` is the upload, `kept` what the service makes of it."""

    def __init__(self, photo: bytes, kept: bytes, folder: Path) -> None:
        self._work = photo, kept, folder
        self._count = cores()
        self._pool = ProcessPoolExecutor(self._count, mp_context=get_context("spawn"))

    def rate(self, *, seconds: float, decode: bool) -> float:
        """Return how many photos a second are hashed and synced to the disk; with `decode`, decoded before."""
        photo, kept, folder = self._work
        asked = (photo if decode else None, kept, folder, seconds)
        running = [self._pool.submit(_take_in, *asked) for _ in range(self._count)]
        return sum(one.result() for one in running)

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown()


def _take_in(photo: bytes | None, kept: bytes, folder: Path, seconds: float) -> float:
    """Return the photos a second that this process takes in."""
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        if photo is not None:
            read_picture(photo)
        target = folder / f"floor-{secrets.token_hex(8)}"
        hashlib.sha256(kept).hexdigest()
        with target.with_suffix(".part").open("wb") as file:
            file.write(kept)
            file.flush()
            os.fsync(file.fileno())
        target.with_suffix(".part").rename(target)
        target.unlink()
        count += 1
    return count / (time.perf_counter() - started)
