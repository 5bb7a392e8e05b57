"""One attempt at one job: runs the engine, then ends the job or hands it back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import TypeVar

from jobs.errors import BlobError, StorageFull, StorageUnavailable, StoreUnavailable
from jobs.model import FAILURE_CODES, Failure, Progress
from jobs.status import Status
from jobs.store.lease import Finished, Instruction, Lease
from nst_engine.run.throughput import Throughput
from worker.context import WorkerContext
from worker.engine import BrokenDeviceError, OutOfMemoryRunError, RunError, RunStep
from worker.films.errors import DiskFullError, RunStoppedError
from worker.films.run import FilmRun, check_disk
from worker.heartbeat import Heartbeat
from worker.pictures.previews import Previews
from worker.pictures.results import delete_result
from worker.pictures.run import PictureRun

log = logging.getLogger(__name__)
T = TypeVar("T")
RETRY_SECONDS = 0.5
MAX_RETRY_SECONDS_WHEN_DRAINING = 5.0


class Outcome(StrEnum):
    """What a wake-up message led to."""

    NOTHING = "nothing"  # no job was waiting
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    RETURNED = "returned"  # handed back to the queue
    RETIRE = "retire"  # handed back or failed, and this process must not run another job
    LOST = "lost"


class Attempt:
    """One attempt at one job."""

    def __init__(self, context: WorkerContext, lease: Lease) -> None:
        self._context = context
        self._lease = lease
        self._job = lease.job
        jobs, settings, blobs = context.jobs, context.settings, context.blobs
        self._throughput = Throughput()
        self._progress: Progress | None = None
        self._previews = Previews(lease, blobs, seconds=settings.preview_seconds)
        self._run = self._new_run()
        self._heartbeat = Heartbeat(
            lease,
            seconds=jobs.heartbeat_seconds,
            draining=context.draining,
            stop_grace_seconds=settings.stop_grace_seconds,
            on_stuck=context.abort,
            after_beat=self._previews.publish,
        )

    def _new_run(self) -> PictureRun | FilmRun:
        if self._job.options.film is None:
            return PictureRun(self._context, self._lease)
        return FilmRun(self._context, self._lease, lambda: self._heartbeat.instruction is not Instruction.CONTINUE)

    def run(self) -> Outcome:
        """Run the engine until it is done or has to stop, and leave no pictures of a deleted job."""
        log.info("job %s: attempt %d", self._job.id, self._job.attempt)
        outcome = self._run_with_heartbeat()
        if outcome is Outcome.LOST:
            self._delete_if_job_is_deleted()
        return outcome

    def _run_with_heartbeat(self) -> Outcome:
        with self._heartbeat:
            try:
                return self._run_engine()
            except OutOfMemoryRunError as error:
                return self._retry_saving_memory(error)
            except BrokenDeviceError as error:
                return self._retry_in_fresh_process(error)
            except DiskFullError as error:
                return self._retry_with_more_room(error)
            except RunError as error:
                return self._fail(error.code, error.message)
            except (StorageFull, StorageUnavailable) as error:
                log.warning("job %s goes back to the queue: %s", self._job.id, error)
                return self._hand_back("storage_full", notify=False)
            except BlobError as error:
                return self._fail("storage_rejected", str(error))
            except Exception:  # whatever the engine raises ends this job and nothing else
                log.exception("job %s failed unexpectedly", self._job.id)
                return self._fail("internal", FAILURE_CODES["internal"])

    def _run_engine(self) -> Outcome:
        with closing(self._run), closing(self._run.steps()) as steps:
            try:
                return self._publish_last(steps)
            except RunStoppedError:
                return self._stop()

    def _publish_last(self, steps: Iterable[RunStep]) -> Outcome:
        for step in steps:
            self._progress = self._measured(step)
            self._heartbeat.report(self._progress)
            if self._must_stop(step):
                return self._stop()
            self._run.save_if_due()
            self._previews.offer(step)
        if self._progress is None:
            raise RunError("internal", FAILURE_CODES["internal"])
        if (speed := self._throughput.iterations_per_second) is not None:
            self._context.registration.set_speed(self._job.model, speed)
        return self._publish()

    def _measured(self, step: RunStep) -> Progress:
        """Return the progress of an iteration that just ended, with speed and time left."""
        progress, throughput = step.progress, self._throughput
        pixels = progress.width * progress.height
        throughput.measure(progress.iteration, pixels=pixels, pixels_left=step.pixels_left)
        return replace(
            progress,
            iterations_per_second=throughput.iterations_per_second,
            eta_seconds=throughput.seconds_left,
        )

    def _must_stop(self, step: RunStep) -> bool:
        """Return whether to stop after a step; a draining worker still publishes a finished picture."""
        finished = step.progress.iteration >= step.progress.total
        instruction = self._heartbeat.instruction
        return instruction is not Instruction.CONTINUE and not (finished and instruction is Instruction.DRAIN)

    def _stop(self) -> Outcome:
        match self._heartbeat.instruction:
            case Instruction.CANCEL:
                return self._end(self._lease.cancel)
            case Instruction.TIMEOUT:
                return self._fail("timeout", FAILURE_CODES["timeout"])
            case Instruction.DRAIN:
                self._run.save()
                return self._hand_back("drained")
        return Outcome.LOST

    def _publish(self) -> Outcome:
        """Store the result and end the job with it; if the job ends otherwise, delete the result again."""
        result = self._run.store_result()
        if self._job.options.film is not None:  # no browser shows a film as a picture: its preview stays
            self._previews.publish()
            self._heartbeat.beat()
        outcome = self._end(lambda: self._lease.complete(result, self._progress))
        if outcome is not Outcome.SUCCEEDED:
            delete_result(self._context.blobs, result)
        return outcome

    def _fail(self, code: str, message: str) -> Outcome:
        return self._end(lambda: self._lease.fail(Failure(code=code, message=message)))

    def _retry_saving_memory(self, error: OutOfMemoryRunError) -> Outcome:
        """Hand the job back once, for an attempt in a fresh process that saves memory; fail it the next time."""
        if self._job.memory_saving:
            return self._fail(error.code, error.message)
        log.warning("job %s does not fit into memory; the next attempt saves memory", self._job.id)
        outcome = self._hand_back("out_of_memory", counted=True, memory_saving=True)
        return Outcome.RETIRE if outcome is Outcome.RETURNED else outcome

    def _retry_in_fresh_process(self, error: BrokenDeviceError) -> Outcome:
        """Hand the job back, or fail it after its last attempt; this process takes no other job."""
        log.error("job %s: %s", self._job.id, error)
        if self._job.attempt < self._context.jobs.max_attempts:
            self._hand_back("device_error", counted=True)
        else:
            self._fail("worker_lost", FAILURE_CODES["worker_lost"])
        return Outcome.RETIRE

    def _retry_with_more_room(self, error: DiskFullError) -> Outcome:
        """Hand the job back; if it fills a disk that has room, count the attempt, and fail it after the last one."""
        log.warning("job %s: %s", self._job.id, error)
        try:
            check_disk(self._context.jobs)
        except StorageFull:  # before the next claim, this worker waits for room
            return self._hand_back("storage_full", notify=False)
        if self._job.attempt < self._context.jobs.max_attempts:
            return self._hand_back("storage_full", counted=True, notify=False)
        return self._fail("storage_rejected", "The disk of the worker has no room for the film.")

    def _end(self, finish: Callable[[], Finished]) -> Outcome:
        finished = self._retry_until_stored(finish)
        if finished is None or finished.status is None:
            return Outcome.LOST
        self._delete_checkpoint()
        if finished.needs_wakeup:
            self._notify()
        return Outcome(finished.status)

    def _hand_back(
        self, reason: str, *, counted: bool = False, memory_saving: bool = False, notify: bool = True
    ) -> Outcome:
        release = partial(self._lease.release, reason, counted=counted, memory_saving=memory_saving)
        status = self._retry_until_stored(release)
        if status is None:
            return Outcome.LOST
        if status is not Status.QUEUED:  # it was canceled meanwhile
            self._delete_checkpoint()
            return Outcome(status)
        if notify:
            self._notify()
        return Outcome.RETURNED

    def _retry_until_stored(self, call: Callable[[], T]) -> T | None:
        """Repeat a call until Redis answers; a draining worker gives up after a while and returns None."""
        seconds_left = MAX_RETRY_SECONDS_WHEN_DRAINING
        while True:
            try:
                return call()
            except StoreUnavailable as error:
                if self._context.draining():
                    seconds_left -= RETRY_SECONDS
                if seconds_left <= 0:
                    return None
                log.warning(
                    "the end of job %s was not stored, next try in %g s: %s", self._job.id, RETRY_SECONDS, error
                )
                self._context.wait(RETRY_SECONDS)

    def _notify(self) -> None:
        """Wake up a worker for the job that waits now; if that fails, the reaper does it later."""
        try:
            self._context.queue.notify(self._job.model, self._job.priority)
        except StoreUnavailable as error:
            log.info("no worker was notified, the reaper will do it: %s", error)

    def _delete_if_job_is_deleted(self) -> None:
        """Delete what was stored after the job was deleted; if that fails, the reaper does it later."""
        try:
            if not self._lease.deleted:
                self._lease.heartbeat()  # the run may have ended before the next heartbeat
            if self._lease.deleted:
                self._context.blobs.delete_all(self._job.id)
        except (StoreUnavailable, BlobError) as error:
            log.info("the pictures of job %s were not deleted, the reaper will do it: %s", self._job.id, error)

    def _delete_checkpoint(self) -> None:
        """Delete the checkpoint of an ended job; if that fails, the reaper does it later."""
        try:
            self._run.delete_checkpoint()
        except BlobError as error:
            log.info("a checkpoint was not deleted, the reaper will do it: %s", error)
