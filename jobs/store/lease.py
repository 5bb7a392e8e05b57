"""The job store for workers: claim a job, renew its lease, report progress, finish or release it. Synchronous.

Every call carries the token of the claim. If the job was claimed again or has ended, the token is no longer current:
the lease is lost, and the call changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter
from redis import Redis

from jobs.errors import StoreUnavailable, UnreadableRecord
from jobs.model import FAILURE_CODES, Failure, Preview, Progress, ResultInfo
from jobs.settings import JobSettings
from jobs.status import Priority, Status
from jobs.store.scripts import Scripts, milliseconds
from jobs.store.serialization import View, decode_view, encode, view_fields


class Instruction(StrEnum):
    """What a run has to do after a heartbeat; DRAIN comes from the worker itself, when it has to stop."""

    CONTINUE = "continue"
    CANCEL = "cancel"
    DRAIN = "drain"
    TIMEOUT = "timeout"
    LOST = "lost"


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """A saved state from which another attempt can continue, with the frames of its time-lapse if it has one.

    The state of a film is stored in pieces: `earlier` are those before the last one, each a blob, its SHA-256 and the
    iteration after it.
    """

    blob: str
    sha256: str
    iteration: int
    frames: str | None = None
    earlier: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """The outcome of ending a job.

    `status` is None if the lease was lost; with `needs_wakeup`, a worker has to be notified of the owner's next job.
    """

    status: Status | None
    needs_wakeup: bool = False


_CHECKPOINT = TypeAdapter(Checkpoint)


class WorkerStore:
    """Claims jobs; every method raises StoreUnavailable if Redis does not answer."""

    def __init__(self, redis: Redis, settings: JobSettings) -> None:
        self._settings = settings
        self._scripts = Scripts(redis, settings, "claim", "heartbeat", "set_field", "finish", "release")

    def claim(
        self,
        model: str,
        *,
        worker: str,
        token: str,
        priorities: Sequence[Priority] = tuple(Priority),
        others: Sequence[str] = (),
    ) -> Lease | None:
        """Claim the next job of a network; return None if none waits.

        If only drafts wait, a job of one of the `others`, the worker's other networks, that is none goes before them.
        `token` must be new and unguessable. After a StoreUnavailable, pass the same token again: a job that was
        claimed with it is returned. A job whose record is damaged fails, and the next one is claimed. Records of a
        newer version stay in the queue for a newer worker.
        """
        while True:
            view = self._scripts.run(
                "claim",
                model=model,
                worker=worker,
                token=token,
                priorities=[str(priority) for priority in priorities],
                others=list(others),
                lease=milliseconds(self._settings.lease_seconds),
                max_run=milliseconds(self._settings.max_run_seconds),
            )
            if view is None:
                return None
            try:
                return Lease(self._scripts, view, token, self._settings)
            except UnreadableRecord as error:
                failure = encode(Failure(code="unsupported_record", message=str(error)))
                status = str(Status.FAILED)
                self._scripts.run("finish", id=error.job_id, token=token, status=status, payload=failure)


class Lease:
    """A claimed job, as long as its token is current; raise UnreadableRecord if the record is damaged."""

    def __init__(self, scripts: Scripts, view: View, token: str, settings: JobSettings) -> None:
        self.job = decode_view(view)
        self.token = token
        self.resume = _checkpoint(view_fields(view).get("checkpoint"))
        self._scripts = scripts
        self._milliseconds = milliseconds(settings.lease_seconds)
        self._max_run = milliseconds(settings.max_run_seconds)
        self._max_film = milliseconds(settings.max_film_run_seconds) if self.job.options.film else None
        self._frame = 0  # of a film, the last one that is finished
        self._preview: Preview | None = None
        self.deleted = False  # a client has deleted the job, as the last heartbeat has shown

    def heartbeat(self, progress: Progress | None = None) -> Instruction:
        """Renew the lease, publish the progress and the preview if there are any, and return what the run has to do.

        The time of a run starts again with each finished frame of a film; a whole film has a limit, too.
        """
        preview, self._preview = self._preview, None
        frame = (progress and progress.frame) or 0
        arguments = {
            "progress": progress and encode(progress),
            "preview": preview and encode(preview),
            "max_run": self._max_run if frame > self._frame else None,
            "max_film": self._max_film,
        }
        try:
            answer = self._run(
                "heartbeat", lease=self._milliseconds, timeout_message=FAILURE_CODES["timeout"], **arguments
            )
        except StoreUnavailable:
            self._preview = self._preview or preview
            raise
        self._frame = max(frame, self._frame)
        self.deleted = answer == "deleted"
        return Instruction.LOST if self.deleted else Instruction(answer)

    def preview(self, preview: Preview) -> None:
        """Publish an intermediate picture, which is already stored, with the next heartbeat."""
        self._preview = preview

    def checkpoint(self, checkpoint: Checkpoint) -> bool:
        """Record a state that is already stored; return False if the lease is lost."""
        return bool(self._run("set_field", field="checkpoint", value=json.dumps(asdict(checkpoint))))

    def complete(self, result: ResultInfo, progress: Progress | None = None) -> Finished:
        """End the job with its result and last progress, or as canceled if a cancel was accepted before."""
        return self._finish(Status.SUCCEEDED, encode(result), None if progress is None else encode(progress))

    def fail(self, failure: Failure) -> Finished:
        """End the job with a reason."""
        return self._finish(Status.FAILED, encode(failure))

    def cancel(self) -> Finished:
        """End the job as canceled."""
        return self._finish(Status.CANCELED)

    def release(self, reason: str, *, counted: bool = False, memory_saving: bool = False) -> Status | None:
        """Hand the job back to the queue and return its status, or None if the lease is lost.

        Unless `counted`, the attempt does not count.
        """
        answer = self._run("release", reason=reason, counted=counted or None, memory_saving=memory_saving or None)
        return None if answer == "lost" else Status(answer)

    def _finish(self, status: Status, payload: str | None = None, progress: str | None = None) -> Finished:
        """End the job; safe to repeat."""
        answer, needs_wakeup = self._run("finish", status=str(status), payload=payload, progress=progress)
        return Finished(status=None if answer == "lost" else Status(answer), needs_wakeup=bool(needs_wakeup))

    def _run(self, name: str, **arguments: Any) -> Any:
        return self._scripts.run(name, id=self.job.id, token=self.token, **arguments)


def _checkpoint(text: str | None) -> Checkpoint | None:
    try:
        return None if text is None else _CHECKPOINT.validate_json(text)
    except ValueError:
        return None  # the run starts from the beginning
