"""The run of a job for a picture: its steps, its checkpoints and its result."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from typing import BinaryIO

from jobs.errors import BlobNotFound
from jobs.model import ResultInfo
from jobs.store.lease import Lease
from worker.context import WorkerContext
from worker.engine import BadCheckpointError, PictureStep, RunRequest
from worker.pictures.checkpoints import Checkpoints
from worker.pictures.inputs import load_request
from worker.pictures.results import store_result
from worker.pictures.timelapse import Timelapse

log = logging.getLogger(__name__)


class PictureRun:
    """Runs the engine for a picture."""

    def __init__(self, context: WorkerContext, lease: Lease) -> None:
        self._context, self._lease = context, lease
        self._timelapse = Timelapse() if lease.job.options.timelapse else None
        self._last: PictureStep | None = None
        self._checkpoints = Checkpoints(
            lease,
            context.blobs,
            self._timelapse,
            seconds=context.jobs.checkpoint_seconds,
            share=context.checkpoint_share,
        )

    def steps(self) -> Generator[PictureStep]:
        """Continue from the checkpoint if it can be used, else start from the beginning."""
        for step in self._resumed():
            if self._timelapse is not None:
                self._timelapse.offer(step)
            self._last = step
            yield step

    def save_if_due(self) -> None:
        """Save the state of the last step if a checkpoint is due."""
        assert self._last is not None
        self._checkpoints.save_if_due(self._last)

    def save(self) -> None:
        """Save the state of the last step."""
        assert self._last is not None
        self._checkpoints.save(self._last)

    def store_result(self) -> ResultInfo:
        """Store the picture of the last step; raise BlobError."""
        assert self._last is not None
        frames = () if self._timelapse is None else self._timelapse.frames(self._last)
        return store_result(self._lease, self._context.blobs, self._last, frames, mark=self._context.jobs.mark_results)

    def delete_checkpoint(self) -> None:
        """Delete the stored checkpoint."""
        self._checkpoints.delete()

    def close(self) -> None:
        """Release the last step."""
        self._last = None

    def _resumed(self) -> Iterator[PictureStep]:
        saved = self._checkpoints.load()
        if saved is not None:
            try:
                with saved:
                    steps = self._context.engine.run(self._request(saved))
                    first = next(steps, None)
            except (BadCheckpointError, BlobNotFound) as error:
                log.warning("job %s starts from the beginning: %s", self._lease.job.id, error)
            else:
                if first is not None:
                    yield first
                    yield from steps
                    return
            if self._timelapse is not None:
                self._timelapse.clear()
        yield from self._context.engine.run(self._request(None))

    def _request(self, saved: BinaryIO | None) -> RunRequest:
        workers = self._context.registration.count_workers_here()
        return load_request(self._lease.job, self._context.blobs, resume=saved, workers=workers)
