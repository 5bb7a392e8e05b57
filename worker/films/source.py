"""The film of a job, read from the storage."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from jobs.errors import BlobNotFound
from jobs.model import Film, Job
from jobs.storage.blobs import Blobs
from nst_engine.film.reading import FilmInfo, FilmLimits, FilmPlan, plan, probe, read_frames
from nst_engine.film.video import MOST_ANAMORPHIC
from nst_engine.spec.errors import FilmError
from nst_engine.spec.film import FilmOptions
from worker.engine import RunError


class FilmSource:
    """The film of a job in a local file, and the part of it that is painted."""

    def __init__(self, job: Job, film: Film, blobs: Blobs, folder: Path) -> None:
        self.path = folder / "content"
        try:
            with blobs.open(job.inputs.content.name) as source, self.path.open("wb") as target:
                shutil.copyfileobj(source, target)
        except BlobNotFound:
            raise RunError("input_missing", "The film of the job is no longer in the storage.") from None
        # The API has applied the limits of the service. These hold what it has found.
        pixels = (film.width + 1) * (film.height + 1) * MOST_ANAMORPHIC  # the shown size is rounded
        self._limits = FilmLimits(max_seconds=math.inf, max_frames=film.frames, max_pixels=pixels)
        self.info, self.plan = self._planned(film)

    def _planned(self, film: Film) -> tuple[FilmInfo, FilmPlan]:
        options = FilmOptions(fps=film.fps, start=film.start, end=film.end)
        with film_errors(), self.path.open("rb") as file:
            info = probe(file, self._limits)
            return info, plan(info, options, self._limits)

    def read(self, first: int) -> Iterator[Image.Image]:
        """Yield the frames from number `first` on; raise RunError."""
        with film_errors(), self.path.open("rb") as file:
            yield from read_frames(file, self.info, self.plan, self._limits, first=first)


@contextmanager
def film_errors() -> Iterator[None]:
    """Convert a film that cannot be read or written into a run that cannot be done."""
    try:
        yield
    except FilmError as error:
        raise RunError("invalid_input", f"The film of the job cannot be used: {error.message}") from None
