"""The run of a job for a film: frames are read, painted, encoded and stored one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from jobs.model import Progress, ResultInfo
from jobs.settings import JobSettings
from jobs.storage.blobs import blob_name
from jobs.storage.temporary_files import TemporaryFiles
from jobs.store.lease import Lease
from nst_engine.film.formats import WRITABLE
from nst_engine.film.writing import FilmWriter
from nst_engine.motion.history import LOOKBACK
from worker.context import WorkerContext
from worker.engine import FilmFrames, RunError, RunStep
from worker.films.errors import RunStoppedError, disk_errors, film_errors
from worker.films.segments import Segments
from worker.films.source import FilmSource
from worker.pictures.inputs import request_for
from worker.pictures.results import metadata, result_info


def film_folders(jobs: JobSettings) -> TemporaryFiles:
    """Return the folders in which films are painted; a folder is locked while it is in use."""
    return TemporaryFiles(jobs.data_dir / "films", max_age_seconds=jobs.upload_timeout_seconds)


def check_disk(jobs: JobSettings) -> None:
    """Raise StorageFull if the disk on which films are painted is full."""
    film_folders(jobs).check(jobs.storage_min_free_bytes)


class FilmRun:
    """Runs the engine for a film. Memory and the local disk hold a few frames, and the film so far.

    stopping: whether to stop; it is also called between steps.
    """

    def __init__(self, context: WorkerContext, lease: Lease, stopping: Callable[[], bool]) -> None:
        self._context, self._lease, self._stopping = context, lease, stopping
        self._stack = ExitStack()
        self._result: tuple[Path, tuple[int, int]] | None = None
        self._last: RunStep | None = None
        self._segments = Segments(lease, context.blobs, seconds=context.jobs.checkpoint_seconds)

    def steps(self) -> Generator[RunStep]:
        """Yield a step for each stored frame and for each iteration; the film is complete when there are no more.

        Raise RunStoppedError if the run has to stop between two steps, and DiskFullError.
        """
        job = self._lease.job
        film, form = job.options.film, WRITABLE.get(job.options.output_format)
        if film is None or form is None:
            raise RunError("invalid_input", f"This worker cannot write {job.options.output_format}.")
        with film_errors(), disk_errors():
            folder = self._stack.enter_context(film_folders(self._context.jobs).folder("film-"))
            source = FilmSource(job, film, self._context.blobs, folder, self._check_stop)
            writer = FilmWriter(
                folder / f"result{form.suffix}",
                form.name,
                source.plan,
                sound=self._stack.enter_context(source.path.open("rb")),
                quality=film.quality,
                metadata=metadata(job),
                mark=self._context.jobs.mark_results,
            )
            with writer:
                for step in self._written(source, writer, folder):
                    self._last = step
                    yield step
            self._result = writer.path, writer.size

    def save_if_due(self) -> None:
        """Store the finished frames if that is due."""
        self._segments.save_if_due()

    def save(self) -> None:
        """Store the finished frames."""
        self._segments.save()

    def store_result(self) -> ResultInfo:
        """Store the film; raise BlobError."""
        assert self._result is not None and self._last is not None
        (path, size), form = self._result, WRITABLE[self._lease.job.options.output_format]
        name = blob_name(self._lease.job.id, f"result-{self._lease.token}{form.suffix}")
        ref = self._context.blobs.take(name, path, form.media_type)
        return result_info(ref, size, self._last.progress)

    def delete_checkpoint(self) -> None:
        """Delete the stored frames."""
        self._segments.delete()

    def close(self) -> None:
        """Delete the local files."""
        self._stack.close()

    def _check_stop(self) -> None:
        if self._stopping():
            raise RunStoppedError

    def _written(self, source: FilmSource, writer: FilmWriter, folder: Path) -> Iterator[RunStep]:
        """Yield the steps, and write each frame that is finished."""
        before: deque[Image.Image] = deque(maxlen=LOOKBACK)
        for picture in self._segments.restored(folder):
            writer.add(picture)
            before.append(picture)
            yield StoredFrame(picture, writer.frames, source.plan.frames, self._segments.iterations)
        if writer.frames == source.plan.frames:
            return
        self._segments.open(folder)
        frames = FilmFrames(
            total=source.plan.frames,
            painted=writer.frames,
            before=tuple(before),
            iterations=self._segments.iterations,
            read=source.read,
        )
        for step in self._painted(frames):
            if (step.progress.frame or 0) > writer.frames:
                self._segments.add(step)
                writer.add(step.picture())
            yield step

    def _painted(self, frames: FilmFrames) -> Iterator[RunStep]:
        content = next(frames.read(0))
        workers = self._context.registration.count_workers_here()
        request = request_for(self._lease.job, self._context.blobs, content=content, workers=workers)
        return self._context.engine.run_film(request, frames)


@dataclass(frozen=True)
class StoredFrame:
    """A frame that an earlier attempt has painted; nothing is computed for it."""

    frame: Image.Image
    number: int  # from 1
    frames: int
    iterations: int

    @property
    def progress(self) -> Progress:
        """Return the progress: the iterations of all stored frames, and at least one for each frame to come."""
        return Progress(
            iteration=self.iterations,
            total=self.iterations + self.frames - self.number,
            width=self.frame.width,
            height=self.frame.height,
            frame=self.number,
            frames=self.frames,
        )

    @property
    def pixels_left(self) -> int:
        """Return the pixels of the frames to come: one iteration for each."""
        return self.frame.width * self.frame.height * (self.frames - self.number)

    def picture(self) -> Image.Image:
        """Return the frame."""
        return self.frame

    def begin_picture(self) -> Callable[[], Image.Image]:
        """Return a function that returns the frame."""
        return self.picture
