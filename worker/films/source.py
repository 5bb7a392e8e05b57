"""The film of a job, read from the storage."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from PIL import Image

from jobs.errors import BlobNotFound
from jobs.model import Film, Job
from jobs.storage.blobs import Blobs, chunks
from nst_engine.film.reading import FilmInfo, FilmLimits, FilmPlan, plan, probe, read_frames
from nst_engine.film.video import MOST_ANAMORPHIC
from nst_engine.spec.film import FilmOptions
from worker.engine import RunError
from worker.films.errors import film_errors


class FilmSource:
    """The film of a job in a local file, and the part of it that is painted.

    interrupt: called while the film is copied and for each frame that is decoded, to raise what ends the reading.
    """

    def __init__(self, job: Job, film: Film, blobs: Blobs, folder: Path, interrupt: Callable[[], None]) -> None:
        self.path = folder / "content"
        try:
            with blobs.open(job.inputs.content.name) as source, self.path.open("wb") as target:
                for chunk in chunks(source):
                    interrupt()
                    target.write(chunk)
        except BlobNotFound:
            raise RunError("input_missing", "The film of the job is no longer in the storage.") from None
        # The API has applied the limits of the service. These hold what it has found, but for the number of frames.
        pixels = (film.width + 1) * (film.height + 1) * MOST_ANAMORPHIC  # the shown size is rounded
        self._limits = FilmLimits(max_seconds=math.inf, max_frames=sys.maxsize, max_pixels=pixels, interrupt=interrupt)
        self.info, self.plan = self._planned(film)

    def _planned(self, film: Film) -> tuple[FilmInfo, FilmPlan]:
        """Plan as the API has, and no more frames than it accepted: the API may have another version."""
        options = FilmOptions(fps=film.fps, start=film.start, end=film.end)
        with film_errors(), self.path.open("rb") as file:
            info = probe(file, self._limits)
            chosen = plan(info, options, self._limits)
        return info, replace(chosen, frames=min(chosen.frames, film.frames))

    def read(self, first: int) -> Iterator[Image.Image]:
        """Yield the frames from number `first` on; raise RunError."""
        with film_errors(), self.path.open("rb") as file:
            yield from read_frames(file, self.info, self.plan, self._limits, first=first)
