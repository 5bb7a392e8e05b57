"""Checkpoints of a film: its finished frames, stored a few at a time, from which another attempt goes on exactly."""

from __future__ import annotations

import hashlib
import io
import logging
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from jobs.errors import BlobError, BlobNotFound, StoreUnavailable
from jobs.storage.blobs import Blobs, blob_name
from jobs.store.lease import Checkpoint, Lease
from worker.engine import RunStep

log = logging.getLogger(__name__)


class Segments:
    """The finished frames of one lease: those that are stored, and a file of those that are not yet.

    Frames are stored every `seconds`, or less often if storing takes more than `share` of the time.
    """

    def __init__(
        self,
        lease: Lease,
        blobs: Blobs,
        *,
        seconds: float,
        share: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lease, self._blobs = lease, blobs
        self._seconds, self._share, self._clock = seconds, share, clock
        self._due = clock() + seconds
        saved = lease.resume
        self._stored = () if saved is None else (*saved.earlier, (saved.blob, saved.sha256))
        self.iterations = 0 if saved is None else saved.iteration  # of the finished frames
        self._file: Path | None = None  # of the frames that are not stored
        self._frames = 0

    def restored(self, folder: Path) -> Iterator[Image.Image]:
        """Yield the frames that earlier attempts stored; those after a missing or damaged segment are painted again.

        Raise StorageUnavailable if the storage cannot be read now: that is worth waiting for.
        """
        for place, (name, sha256) in enumerate(self._stored):
            path = folder / "stored.zip"
            if not self._fetch(name, sha256, path):
                self._stored = self._stored[:place]
                return
            with zipfile.ZipFile(path) as archive:
                for frame in sorted(archive.namelist()):
                    yield Image.open(io.BytesIO(archive.read(frame))).convert("RGB")

    def open(self, folder: Path) -> None:
        """Collect the frames that follow in `folder`."""
        self._file = folder / "segment.zip"

    def add(self, step: RunStep) -> None:
        """Take the frame that a step has finished."""
        assert self._file is not None
        self._frames, self.iterations = step.progress.frame or 0, step.progress.iteration
        data = io.BytesIO()
        step.picture().save(data, "PNG", compress_level=1)
        with zipfile.ZipFile(self._file, "a") as archive:  # it is complete after each frame
            archive.writestr(f"{self._frames:06d}.png", data.getvalue())

    def save_if_due(self) -> None:
        """Store the frames that were finished since the last time, if that is due."""
        if self._clock() >= self._due:
            self.save()

    def save(self) -> None:
        """Store the frames that were finished since the last time; if that fails, log it and try later."""
        if self._file is None or not self._file.exists():
            return
        started = self._clock()
        try:
            self._store(self._file)
        except (BlobError, StoreUnavailable) as error:
            log.warning("the frames of job %s were not saved: %s", self._lease.job.id, error)
        now = self._clock()
        self._due = now + max(self._seconds, (now - started) / self._share)

    def delete(self) -> None:
        """Delete the stored frames; only while the lease is held, or after the job has ended."""
        self._blobs.delete(*(name for name, _ in self._stored))
        self._stored = ()

    def _store(self, file: Path) -> None:
        name = blob_name(self._lease.job.id, f"frames-{self._lease.token}-{self._frames}.zip")
        with file.open("rb") as data:
            ref = self._blobs.put(name, data, "application/zip")
        saved = Checkpoint(blob=ref.name, sha256=ref.sha256, iteration=self.iterations, earlier=self._stored)
        if self._lease.checkpoint(saved):
            self._stored = (*self._stored, (ref.name, ref.sha256))
            file.unlink()
        else:
            self._blobs.delete(ref.name)

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
