"""One attempt at one job: runs the engine, and ends the job or hands it back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import TypeVar

from jobs.errors import BlobError, StorageFull, StorageUnavailable, StoreUnavailable
from jobs.model import FAILURE_CODES, Failure, Progress
from jobs.queue import JobQueue
from jobs.settings import JobSettings
from jobs.status import Status
from jobs.storage.blobs import Blobs
from jobs.store.lease import Finished, Lease, Verdict, WorkerStore
from worker.checkpoints import SHARE, Checkpoints
from worker.engine import (
    BadCheckpointError,
    Engine,
    OutOfMemoryRunError,
    RunError,
    RunRequest,
    RunStep,
)
from worker.heartbeat import Heartbeat
from worker.pictures.inputs import load_request
from worker.pictures.previews import Previews
from worker.pictures.results import remove_result, store_result
from worker.pictures.timelapse import Timelapse
from worker.registration import Registration
from worker.settings import WorkerSettings
from worker.throughput import Speed

log = logging.getLogger(__name__)
T = TypeVar("T")
INSIST_SECONDS = 0.5
PATIENCE_WHEN_DRAINING = 5.0


class Outcome(StrEnum):
    """What came of a message."""

    NOTHING = "nothing"  # no job was waiting
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    RETURNED = "returned"  # handed back to the queue
    RETIRE = "retire"  # handed back, and this process must not run another job
    LOST = "lost"


@dataclass(frozen=True, kw_only=True)
class WorkerContext:
    """What a runner works with."""

    store: WorkerStore
    blobs: Blobs
    queue: JobQueue
    engine: Engine
    registration: Registration
    draining: Callable[[], bool]
    abort: Callable[[], None]
    jobs: JobSettings
    settings: WorkerSettings
    checkpoint_share: float = SHARE
    wait: Callable[[float], None] = time.sleep


class Run:
    """One attempt at one job."""

    def __init__(self, around: WorkerContext, lease: Lease) -> None:
        self._around = around
        self._lease = lease
        self._job = lease.job
        jobs, settings = around.jobs, around.settings
        self._speed = Speed()
        self._progress: Progress | None = None
        self._previews = Previews(lease, around.blobs, seconds=settings.preview_seconds)
        self._checkpoints = Checkpoints(
            lease, around.blobs, seconds=jobs.checkpoint_seconds, share=around.checkpoint_share
        )
        self._timelapse = Timelapse() if self._job.options.timelapse else None
        self._heart = Heartbeat(
            lease,
            seconds=jobs.heartbeat_seconds,
            draining=around.draining,
            stop_grace_seconds=settings.stop_grace_seconds,
            on_stuck=around.abort,
            after_beat=self._previews.publish,
        )

    def run(self) -> Outcome:
        """Run the engine to the end, or until told to stop."""
        log.info("job %s: attempt %d", self._job.id, self._job.attempt)
        with self._heart:
            try:
                return self._to_the_end()
            except OutOfMemoryRunError as error:
                return self._out_of_memory(error)
            except RunError as error:
                return self._fail(error.code, error.message)
            except (StorageFull, StorageUnavailable) as error:
                log.warning("job %s goes back: %s", self._job.id, error)
                return self._hand_back("storage_full", tell=False)
            except BlobError as error:
                return self._fail("storage_rejected", str(error))
            except Exception:  # the runner: whatever the engine throws ends this job and nothing else
                log.exception("job %s met an unexpected error", self._job.id)
                return self._fail("internal", FAILURE_CODES["internal"])

    def _to_the_end(self) -> Outcome:
        last: RunStep | None = None
        for step in self._steps():
            last = step
            self._progress = self._speed.measure(step.progress)
            self._heart.report(self._progress)
            if self._timelapse is not None:
                self._timelapse.offer(step)
            if self._must_stop(step):
                return self._stop(self._heart.verdict, step)
            self._checkpoints.save_if_due(step, self._timelapse)
            self._previews.offer(step)
        if last is None:
            raise RunError("internal", FAILURE_CODES["internal"])
        if self._speed.per_second is not None:
            self._around.registration.set_speed(self._job.model, self._speed.per_second)
        return self._publish(last)

    def _must_stop(self, step: RunStep) -> bool:
        """Tell whether to stop here; a worker that has to end still publishes a picture that is ready."""
        ready = step.progress.iteration >= step.progress.total
        return self._heart.verdict is not Verdict.CONTINUE and not (ready and self._heart.verdict is Verdict.DRAIN)

    def _steps(self) -> Iterator[RunStep]:
        """Yield the steps of the run, from the checkpoint if there is a good one."""
        engine, saved, went_on = self._around.engine, self._checkpoints.load(), False
        if saved is not None:
            self._restore_timelapse()
            try:
                for step in engine.run(self._request(saved)):
                    went_on = True
                    yield step
            except BadCheckpointError as error:
                log.warning("job %s starts afresh: %s", self._job.id, error)
            if went_on:
                return
            if self._timelapse is not None:
                self._timelapse.clear()
        yield from engine.run(self._request(None))

    def _request(self, saved: bytes | None) -> RunRequest:
        request = load_request(self._job, self._around.blobs, saved)
        return replace(request, workers=self._around.registration.count_workers_here())

    def _restore_timelapse(self) -> None:
        frames = None if self._timelapse is None else self._checkpoints.load_frames()
        if self._timelapse is None or frames is None:
            return
        try:
            self._timelapse.restore(frames)
        except ValueError as error:
            log.warning("the time-lapse of job %s begins late: %s", self._job.id, error)

    def _publish(self, step: RunStep) -> Outcome:
        """Store the result, then end the job with it; what is stored in vain is removed."""
        frames = () if self._timelapse is None else self._timelapse.frames(step)
        result = store_result(self._lease, self._around.blobs, step, frames)
        outcome = self._end(lambda: self._lease.complete(result, self._progress))
        if outcome is not Outcome.SUCCEEDED:
            remove_result(self._around.blobs, result)
        return outcome

    def _stop(self, verdict: Verdict, step: RunStep) -> Outcome:
        match verdict:
            case Verdict.CANCEL:
                return self._end(self._lease.cancel)
            case Verdict.TIMEOUT:
                return self._fail("timeout", FAILURE_CODES["timeout"])
            case Verdict.DRAIN:
                self._checkpoints.save(step, self._timelapse)
                return self._hand_back("drained")
        return Outcome.LOST

    def _fail(self, code: str, message: str) -> Outcome:
        return self._end(lambda: self._lease.fail(Failure(code=code, message=message)))

    def _out_of_memory(self, error: OutOfMemoryRunError) -> Outcome:
        """Try once more in a fresh process that saves memory, then give up."""
        if self._job.memory_saving:
            return self._fail(error.code, error.message)
        log.warning("job %s does not fit, it is tried again saving memory", self._job.id)
        returned = self._hand_back("out_of_memory", counted=True, memory_saving=True)
        return Outcome.RETIRE if returned is Outcome.RETURNED else returned

    def _end(self, finish: Callable[[], Finished]) -> Outcome:
        finished = self._retry_until_stored(finish)
        if finished is None or finished.status is None:
            return Outcome.LOST
        self._delete_checkpoint()
        if finished.needs_wakeup:
            self._offer_again()
        return Outcome(finished.status)

    def _hand_back(
        self,
        reason: str,
        *,
        counted: bool = False,
        memory_saving: bool = False,
        tell: bool = True,
    ) -> Outcome:
        release = partial(self._lease.release, reason, counted=counted, memory_saving=memory_saving)
        status = self._retry_until_stored(release)
        if status is None:
            return Outcome.LOST
        if status is not Status.QUEUED:
            self._delete_checkpoint()
            return Outcome(status)
        if tell:
            self._offer_again()
        return Outcome.RETURNED

    def _retry_until_stored(self, call: Callable[[], T]) -> T | None:
        """Repeat a call until the store answers; a worker that has to end gives up at last."""
        patience = PATIENCE_WHEN_DRAINING
        while True:
            try:
                return call()
            except StoreUnavailable as error:
                if self._around.draining():
                    patience -= INSIST_SECONDS
                if patience <= 0:
                    return None
                log.warning("job %s cannot be ended yet: %s", self._job.id, error)
                self._around.wait(INSIST_SECONDS)

    def _offer_again(self) -> None:
        """Wake up a worker for the job that waits now; if that fails, the reaper does it later."""
        try:
            self._around.queue.notify(self._job.model, self._job.priority)
        except StoreUnavailable as error:
            log.info("no worker was notified, the reaper will do it: %s", error)

    def _delete_checkpoint(self) -> None:
        """Remove the checkpoint of an ended job; one left over is found by the reaper."""
        try:
            self._checkpoints.forget()
        except BlobError as error:
            log.info("a checkpoint was not removed, the reaper will: %s", error)
