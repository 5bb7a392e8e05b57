"""Checkpoints: the state of a run, saved from time to time so that another attempt continues from it."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import BinaryIO

from jobs.errors import BlobError, BlobNotFound, StoreUnavailable
from jobs.storage.blobs import Blobs, blob_name, chunks
from jobs.store.lease import Checkpoint, Lease
from worker.engine import PictureStep
from worker.pictures.timelapse import Timelapse

log = logging.getLogger(__name__)
SHARE = 0.05  # maximum share of the run time for saving checkpoints


class Checkpoints:
    """The checkpoints of one lease, with the frames of the time-lapse if there is one.

    A checkpoint is due every `seconds`, or less often if saving takes more than `share` of the time.
    """

    def __init__(
        self,
        lease: Lease,
        blobs: Blobs,
        timelapse: Timelapse | None = None,
        *,
        seconds: float,
        share: float = SHARE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lease = lease
        self._blobs = blobs
        self._timelapse = timelapse
        self._seconds = seconds
        self._share = share
        self._clock = clock
        self._due = clock() + seconds
        self._stored = _blobs_of(lease.resume) if lease.resume else ()

    def load(self) -> BinaryIO | None:
        """Open the state that an earlier attempt saved, and restore its time-lapse; None without a usable state.

        The caller closes the file. Raise StorageUnavailable if the storage cannot be read now: that is worth waiting
        for.
        """
        saved, job_id = self._lease.resume, self._lease.job.id
        if saved is None:
            return None
        with ExitStack() as stack:
            try:
                file = stack.enter_context(self._blobs.open(saved.blob))
                digest = _sha256(file)
            except BlobNotFound as error:
                log.warning("the checkpoint of job %s is missing, it starts from the beginning: %s", job_id, error)
                return None
            if digest != saved.sha256:
                log.warning("the checkpoint of job %s is damaged, it starts from the beginning", job_id)
                return None
            self._restore_timelapse(saved)
            log.info("job %s continues after iteration %d", job_id, saved.iteration)
            stack.pop_all()
            return file

    def save_if_due(self, step: PictureStep) -> None:
        """Save the state of a step if a checkpoint is due."""
        if self._clock() >= self._due:
            self.save(step)

    def save(self, step: PictureStep) -> None:
        """Save the state of a step; if that fails, log it and let the run continue without."""
        started = self._clock()
        try:
            saved = self._store(step)
            if self._lease.checkpoint(saved):
                self.delete()
                self._stored = _blobs_of(saved)
            else:
                self._blobs.delete(*_blobs_of(saved))
        except (BlobError, StoreUnavailable) as error:
            log.warning("the state of job %s was not saved: %s", self._lease.job.id, error)
        now = self._clock()
        self._due = now + max(self._seconds, (now - started) / self._share)

    def delete(self) -> None:
        """Delete the stored checkpoint; only while the lease is held, or after the job has ended."""
        self._blobs.delete(*self._stored)
        self._stored = ()

    def _store(self, step: PictureStep) -> Checkpoint:
        job_id, iteration = self._lease.job.id, step.progress.iteration
        suffix = f"{self._lease.token}-{iteration}"
        frames = None
        if self._timelapse is not None:
            frames = blob_name(job_id, f"frames-{suffix}")
            self._blobs.put(frames, self._timelapse.state(), "application/zip")
        ref = self._blobs.put(blob_name(job_id, f"checkpoint-{suffix}"), step.state())
        return Checkpoint(blob=ref.name, sha256=ref.sha256, iteration=iteration, frames=frames)

    def _restore_timelapse(self, saved: Checkpoint) -> None:
        if self._timelapse is None or saved.frames is None:
            return
        try:
            self._timelapse.restore(self._blobs.read(saved.frames))
        except (BlobError, ValueError) as error:
            log.warning("the time-lapse of job %s misses its beginning: %s", self._lease.job.id, error)


def _sha256(file: BinaryIO) -> str:
    """Hash a file, and return to its beginning."""
    digest = hashlib.sha256()
    for chunk in chunks(file):
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


def _blobs_of(saved: Checkpoint) -> tuple[str, ...]:
    return (saved.blob,) if saved.frames is None else (saved.blob, saved.frames)
