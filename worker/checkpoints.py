"""Checkpoints: the state of a run, saved now and then so that another attempt goes on from it."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable

from jobs.errors import BlobError, BlobNotFound, StoreUnavailable
from jobs.storage.blobs import Blobs, blob_name
from jobs.store.lease import Checkpoint, Lease
from worker.engine import RunStep
from worker.pictures.timelapse import Timelapse

log = logging.getLogger(__name__)
SHARE = 0.05  # maximum share of the run time for saving checkpoints


class Checkpoints:
    """The checkpoints of one lease; saving takes no more than its share of the time."""

    def __init__(
        self,
        lease: Lease,
        blobs: Blobs,
        *,
        seconds: float,
        share: float = SHARE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lease = lease
        self._blobs = blobs
        self._seconds = seconds
        self._share = share
        self._clock = clock
        self._next = clock() + seconds
        self._kept = _blobs_of(lease.resume) if lease.resume else ()

    def load(self) -> bytes | None:
        """Return the state that an earlier attempt saved; None if there is none or it is damaged.

        Raise StorageUnavailable if it cannot be read now: what was done is worth waiting for.
        """
        saved = self._lease.resume
        if saved is None:
            return None
        try:
            data = self._blobs.read(saved.blob)
        except BlobNotFound as error:
            log.warning("the checkpoint of job %s is gone, it starts afresh: %s", self._lease.job.id, error)
            return None
        if hashlib.sha256(data).hexdigest() != saved.sha256:
            log.warning("the checkpoint of job %s is damaged, it starts afresh", self._lease.job.id)
            return None
        log.info("job %s goes on after iteration %d", self._lease.job.id, saved.iteration)
        return data

    def load_frames(self) -> bytes | None:
        """Return the frames of the time-lapse that an earlier attempt saved; None if there are none."""
        saved = self._lease.resume
        if saved is None or saved.frames is None:
            return None
        try:
            return self._blobs.read(saved.frames)
        except BlobError as error:
            log.warning("the time-lapse of job %s begins late: %s", self._lease.job.id, error)
            return None

    def save_if_due(self, step: RunStep, timelapse: Timelapse | None = None) -> None:
        """Save the state of a step if it is time to."""
        if self._clock() >= self._next:
            self.save(step, timelapse)

    def save(self, step: RunStep, timelapse: Timelapse | None = None) -> None:
        """Save the state of a step; a run whose state cannot be saved goes on without."""
        began = self._clock()
        iteration = step.progress.iteration
        mark = f"{self._lease.token}-{iteration}"
        name = blob_name(self._lease.job.id, f"checkpoint-{mark}")
        frames = None if timelapse is None else blob_name(self._lease.job.id, f"frames-{mark}")
        try:
            if timelapse is not None and frames is not None:
                self._blobs.put(frames, timelapse.state(), "application/zip")
            ref = self._blobs.put(name, step.state())
            saved = Checkpoint(blob=name, sha256=ref.sha256, iteration=iteration, frames=frames)
            if self._lease.checkpoint(saved):
                self.forget()
                self._kept = _blobs_of(saved)
            else:
                self._blobs.delete(*_blobs_of(saved))
        except (BlobError, StoreUnavailable) as error:
            log.warning("the state of job %s was not saved: %s", self._lease.job.id, error)
        cost = self._clock() - began
        self._next = self._clock() + max(self._seconds, cost / self._share)

    def forget(self) -> None:
        """Remove the checkpoint that is kept; only for one who holds the lease, or has ended the job."""
        self._blobs.delete(*self._kept)
        self._kept = ()


def _blobs_of(saved: Checkpoint) -> tuple[str, ...]:
    return (saved.blob,) if saved.frames is None else (saved.blob, saved.frames)
