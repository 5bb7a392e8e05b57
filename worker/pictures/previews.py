"""Previews: small pictures of a run in progress, stored and announced at their own pace."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable

from PIL import Image

from jobs.errors import BlobError, StoreUnavailable
from jobs.model import Preview
from jobs.storage.blobs import Blobs, blob_name
from jobs.store.lease import Lease
from worker.engine import RunStep

log = logging.getLogger(__name__)
QUALITY = 80
SIDE = 512  # longest side, in pixels


class Previews:
    """The previews of one lease: the run offers steps, the heart publishes the latest picture."""

    def __init__(
        self, lease: Lease, blobs: Blobs, *, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lease = lease
        self._blobs = blobs
        self._seconds = seconds
        self._clock = clock
        self._next = clock()
        self._waiting: tuple[int, Image.Image] | None = None
        self._sequence = 0
        self._name = blob_name(lease.job.id, f"preview-{lease.token}.webp")

    def offer(self, step: RunStep) -> None:
        """Take the picture of a step if a preview is due and the one before has gone out."""
        if self._waiting is None and self._clock() >= self._next:
            self._waiting = (step.progress.iteration, step.picture())
            self._next = self._clock() + self._seconds

    def publish(self) -> None:
        """Store and announce the picture that waits; a preview that fails is no matter."""
        if self._waiting is None:
            return
        iteration, picture = self._waiting
        self._waiting = None
        try:
            ref = self._blobs.put(self._name, shrunk(picture, SIDE), "image/webp")
            self._sequence += 1
            preview = Preview(blob=ref.name, sequence=self._sequence, iteration=iteration, media_type="image/webp")
            # Refused when the lease is lost or the job has ended. The file stays: the record may list an earlier
            # preview under its name; if not, the reaper finds it.
            self._lease.preview(preview)
        except (BlobError, StoreUnavailable) as error:
            log.info("a preview was not published: %s", error)


def shrunk(picture: Image.Image, side: int) -> bytes:
    """Return a picture as a WebP no longer than `side`."""
    small = picture.copy()
    small.thumbnail((side, side))
    file = io.BytesIO()
    small.save(file, "WEBP", quality=QUALITY, method=1)
    return file.getvalue()
