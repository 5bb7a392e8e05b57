"""Previews: small pictures of a run in progress, stored and announced from time to time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Lock

from PIL import Image

from jobs.errors import BlobError
from jobs.model import Preview
from jobs.storage.blobs import Blobs, blob_name
from jobs.store.lease import Lease
from worker.engine import BrokenDeviceError, RunStep
from worker.pictures.thumbnails import encode_webp, shrink

log = logging.getLogger(__name__)
QUALITY = 80
SIDE = 512  # longest side, in pixels


class Previews:
    """The previews of one lease: the run offers its steps, and the heartbeat publishes the latest picture."""

    def __init__(
        self, lease: Lease, blobs: Blobs, *, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lease = lease
        self._blobs = blobs
        self._seconds = seconds
        self._clock = clock
        self._next = clock()
        self._waiting: tuple[int, Callable[[], Image.Image]] | None = None
        self._publishing = Lock()  # the heartbeat publishes, and so does the run at the end of a film
        self._sequence = 0
        self._name = blob_name(lease.job.id, f"preview-{lease.token}.webp")

    def offer(self, step: RunStep) -> None:
        """Begin to take the picture of a step if a preview is due and the previous one is published.

        The last frame of a film is always taken.
        """
        progress = step.progress
        due = self._waiting is None and self._clock() >= self._next
        if due or (progress.frame is not None and progress.frame == progress.frames):
            self._waiting = (progress.iteration, step.begin_picture())
            self._next = self._clock() + self._seconds

    def publish(self) -> None:
        """Store the picture that waits, for the next heartbeat to announce; if that fails, let the run continue.

        If the lease is lost, the file stays, because the record may list an earlier preview under the same name. If the
        job is deleted, nobody else deletes the file soon.
        """
        with self._publishing:
            waiting, self._waiting = self._waiting, None
            try:
                if self._lease.deleted:
                    self._blobs.delete(self._name)
                elif waiting is not None:
                    self._store(*waiting)
            except (BlobError, BrokenDeviceError) as error:  # the run, too, learns that the device is broken
                log.info("a preview was not published: %s", error)

    def _store(self, iteration: int, picture: Callable[[], Image.Image]) -> None:
        ref = self._blobs.put(self._name, encode_webp(shrink(picture(), SIDE), quality=QUALITY), "image/webp")
        self._sequence += 1
        self._lease.preview(
            Preview(blob=ref.name, sequence=self._sequence, iteration=iteration, media_type="image/webp")
        )
