"""The job store as a worker sees it: claim a job, keep its lease, report, finish or hand back. Synchronous.

Every call carries the token of its claim. Once another claim was made, or the job ended otherwise, the token is no
longer the current one and the call changes nothing: the lease is lost.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from redis import Redis

from jobs.connections import store_errors
from jobs.errors import UnreadableRecord
from jobs.model import FAILURE_CODES, Failure, Job, Preview, Progress, ResultInfo
from jobs.settings import JobSettings
from jobs.status import Priority, Status
from jobs.store.scripts import key, milliseconds, pack, source
from jobs.store.serialization import decode_view, encode
from jobs.versions import CURRENT, rank

SCRIPTS = ("claim", "heartbeat", "set_field", "finish", "release")


class Verdict(StrEnum):
    """What the store tells a worker at a heartbeat."""

    CONTINUE = "continue"
    CANCEL = "cancel"
    DRAIN = "drain"
    TIMEOUT = "timeout"
    LOST = "lost"


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """A saved state of a run that another attempt can go on from, and the frames of its time-lapse if it has one."""

    blob: str
    sha256: str
    iteration: int
    frames: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """How a finish went.

    `status` is None if the lease was lost; `needs_wakeup` says that the owner's next job needs a message.
    """

    status: Status | None
    needs_wakeup: bool = False


class WorkerStore:
    """Synchronous access to the jobs for a worker; every method raises StoreUnavailable if Redis does not answer."""

    def __init__(self, redis: Redis, settings: JobSettings, *, release: str = CURRENT) -> None:
        self._redis: Any = redis
        self._release = rank(release)
        self._settings = settings
        self._scripts = {name: redis.register_script(source(name, settings)) for name in SCRIPTS}

    def claim(
        self, model: str, *, worker: str, token: str, priorities: Sequence[Priority] = tuple(Priority)
    ) -> Lease | None:
        """Take the next job of a network, or None; `token` must be new and not guessable, but may be used again after
        a StoreUnavailable: a job that was taken with it then is returned.

        A claimed job whose record cannot be read is failed here, and the next one is taken; one that needs a newer
        release is left for it.
        """
        while True:
            view = self.run(
                "claim",
                model=model,
                worker=worker,
                token=token,
                priorities=[str(priority) for priority in priorities],
                release=self._release,
                lease=milliseconds(self._settings.lease_seconds),
                max_run=milliseconds(self._settings.max_run_seconds),
            )
            if view is None:
                return None
            try:
                return Lease(self, decode_view(view), token, self._checkpoint(view))
            except UnreadableRecord as error:
                failure = Failure(code="unsupported_record", message=str(error))
                self.finish(error.job_id, token, Status.FAILED, encode(failure))

    def finish(
        self, job_id: str, token: str, status: Status, payload: str | None, progress: str | None = None
    ) -> Finished:
        """End a job if the token is still the current one; safe to repeat."""
        answer, needs_wakeup = self.run(
            "finish", id=job_id, token=token, status=str(status), payload=payload, progress=progress
        )
        return Finished(status=None if answer == "lost" else Status(answer), needs_wakeup=bool(needs_wakeup))

    def heartbeat(self, job_id: str, token: str, progress: str | None) -> Verdict:
        """Renew a lease."""
        answer = self.run(
            "heartbeat",
            id=job_id,
            token=token,
            progress=progress,
            lease=milliseconds(self._settings.lease_seconds),
            timeout_message=FAILURE_CODES["timeout"],
        )
        return Verdict(answer)

    def run(self, name: str, **arguments: Any) -> Any:
        """Run one of the scripts."""
        with store_errors():
            return self._scripts[name](args=[pack(arguments)])

    def _checkpoint(self, view: Sequence[Any]) -> Checkpoint | None:
        flat = view[0]
        text = dict(zip(flat[::2], flat[1::2], strict=True)).get("checkpoint")
        try:
            known = {} if text is None else json.loads(text)
            return Checkpoint(**{name: known[name] for name in Checkpoint.__dataclass_fields__ if name in known})
        except (ValueError, TypeError):
            return None  # the run starts afresh

    def draining(self, worker: str) -> bool:
        """Tell whether a worker was asked to take no more jobs."""
        with store_errors():
            return bool(self._redis.sismember(key("draining"), worker))


class Lease:
    """One claimed job, for as long as its token is the current one."""

    def __init__(self, store: WorkerStore, job: Job, token: str, checkpoint: Checkpoint | None) -> None:
        self.job = job
        self.token = token
        self.resume = checkpoint
        self._store = store

    def heartbeat(self, progress: Progress | None = None) -> Verdict:
        """Renew the lease, publish the progress if there is any, and return what to do."""
        return self._store.heartbeat(self.job.id, self.token, None if progress is None else encode(progress))

    def preview(self, preview: Preview) -> bool:
        """Publish an intermediate picture that is stored already; False if the lease is lost."""
        return self._set_field("preview", encode(preview), event="preview")

    def checkpoint(self, checkpoint: Checkpoint) -> bool:
        """Note a saved state that is stored already; False if the lease is lost."""
        return self._set_field("checkpoint", json.dumps(asdict(checkpoint)))

    def complete(self, result: ResultInfo, progress: Progress | None = None) -> Finished:
        """End the job with its result and last progress, or as canceled if that was asked for meanwhile."""
        last = None if progress is None else encode(progress)
        return self._store.finish(self.job.id, self.token, Status.SUCCEEDED, encode(result), last)

    def fail(self, failure: Failure) -> Finished:
        """End the job with a reason."""
        return self._store.finish(self.job.id, self.token, Status.FAILED, encode(failure))

    def cancel(self) -> Finished:
        """End the job as canceled."""
        return self._store.finish(self.job.id, self.token, Status.CANCELED, None)

    def release(
        self, reason: str, *, counted: bool = False, memory_saving: bool = False, needs: int | None = None
    ) -> Status | None:
        """Hand the job back to the queue; None if the lease is lost.

        An attempt that is not `counted` is taken back. Only workers of the release that it `needs` take it again.
        """
        answer = self._store.run(
            "release",
            id=self.job.id,
            token=self.token,
            reason=reason,
            counted=counted or None,
            memory_saving=memory_saving or None,
            needs=needs,
        )
        return None if answer == "lost" else Status(answer)

    def _set_field(self, field: str, value: str, event: str | None = None) -> bool:
        return bool(
            self._store.run("set_field", id=self.job.id, token=self.token, field=field, value=value, event=event)
        )
