"""Checkpoints of a film: its finished frames, stored a few at a time, from which another attempt goes on exactly."""

from __future__ import annotations

import hashlib
import io
import logging
import shutil
import time
import zipfile
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from jobs.errors import BlobError, BlobNotFound, StoreUnavailable
from jobs.storage.blobs import Blobs, blob_name
from jobs.store.lease import Checkpoint, Lease
from worker.engine import RunStep

log = logging.getLogger(__name__)
FULL = 4 * 1024 * 1024  # bytes of a segment that takes no more frames: storages limit the size of a blob


@dataclass
class _Waiting:
    """A file of frames that are not stored yet: the number of the last one, and the iterations up to it."""

    file: Path
    frames: int
    iterations: int


class Segments:
    """The finished frames of one lease: those that are stored, and files of those that are not yet.

    Frames are stored every `seconds`, each of them once.
    """

    def __init__(
        self,
        lease: Lease,
        blobs: Blobs,
        *,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lease, self._blobs = lease, blobs
        self._seconds, self._clock = seconds, clock
        self._due = clock() + seconds
        saved = lease.resume
        self._stored = () if saved is None else (*saved.earlier, (saved.blob, saved.sha256, saved.iteration))
        self.iterations = 0  # of the frames that are restored or added
        self._folder: Path | None = None
        self._waiting: deque[_Waiting] = deque()

    def restored(self, folder: Path) -> Iterator[Image.Image]:
        """Yield the frames that earlier attempts stored; those after a missing or damaged segment are painted again.

        Raise StorageUnavailable if the storage cannot be read now: that is worth waiting for.
        """
        for place, (name, sha256, iterations) in enumerate(self._stored):
            path = folder / "stored.zip"
            if not self._fetch(name, sha256, path):
                self._stored = self._stored[:place]
                return
            self.iterations = iterations
            with zipfile.ZipFile(path) as archive:
                for frame in sorted(archive.namelist()):
                    yield Image.open(io.BytesIO(archive.read(frame))).convert("RGB")

    def open(self, folder: Path) -> None:
        """Collect the frames that follow in `folder`."""
        self._folder = folder

    def add(self, step: RunStep) -> None:
        """Take the frame that a step has finished."""
        assert self._folder is not None
        frame, self.iterations = step.progress.frame or 0, step.progress.iteration
        if not self._waiting or self._waiting[-1].file.stat().st_size >= FULL:
            self._waiting.append(_Waiting(self._folder / f"segment-{frame}.zip", frame, self.iterations))
        data, segment = io.BytesIO(), self._waiting[-1]
        step.picture().save(data, "PNG", compress_level=1)
        with zipfile.ZipFile(segment.file, "a") as archive:  # it is complete after each frame
            archive.writestr(f"{frame:06d}.png", data.getvalue())
        segment.frames, segment.iterations = frame, self.iterations

    def save_if_due(self) -> None:
        """Store the frames that were finished since the last time, if that is due."""
        if self._clock() >= self._due:
            self.save()

    def save(self) -> None:
        """Store the frames that were finished since the last time; if that fails, log it and try later."""
        try:
            while self._waiting and self._store(self._waiting[0]):
                self._waiting.popleft().file.unlink()
        except (BlobError, StoreUnavailable) as error:
            log.warning("the frames of job %s were not saved: %s", self._lease.job.id, error)
        self._due = self._clock() + self._seconds

    def delete(self) -> None:
        """Delete the stored frames; only while the lease is held, or after the job has ended."""
        self._blobs.delete(*(name for name, *_ in self._stored))
        self._stored = ()

    def _store(self, segment: _Waiting) -> bool:
        """Store a segment; return False if the lease is lost."""
        name = blob_name(self._lease.job.id, f"frames-{self._lease.token}-{segment.frames}.zip")
        with segment.file.open("rb") as data:
            ref = self._blobs.put(name, data, "application/zip")
        saved = Checkpoint(blob=ref.name, sha256=ref.sha256, iteration=segment.iterations, earlier=self._stored)
        if not self._lease.checkpoint(saved):
            self._blobs.delete(ref.name)
            return False
        self._stored = (*self._stored, (ref.name, ref.sha256, segment.iterations))
        return True

    def _fetch(self, name: str, sha256: str, path: Path) -> bool:
        """Copy a stored segment to a file; return False if it is missing or damaged."""
        try:
            with self._blobs.open(name) as source, path.open("wb") as target:
                shutil.copyfileobj(source, target)
        except BlobNotFound:
            log.warning("frames of job %s are missing and are painted again", self._lease.job.id)
            return False
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == sha256:
                return True
        log.warning("frames of job %s are damaged and are painted again", self._lease.job.id)
        return False
