"""The job store as the API sees it: create, look, cancel, delete. Asynchronous; one Redis round trip a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from redis.asyncio import Redis

from jobs.idempotency import Idempotency, Known
from jobs.model import Event, Job, JobPage, NewJob, OwnerLimits, Stats, WorkerInfo
from jobs.permits import Permits
from jobs.settings import JobSettings
from jobs.status import Status


class JobClient:
    """Asynchronous access to the jobs; every method raises StoreUnavailable if Redis does not answer.

    `owner` is part of every look-up: a job of another owner is a JobNotFound.
    """

    def __init__(self, redis: Redis, permits: Permits, settings: JobSettings) -> None:
        raise NotImplementedError

    async def begin(self, owner: str, key: str) -> Known | None:
        """Reserve an idempotency key before the body is read.

        Return None for a new key, and what is known of one that has its job; raise KeyInUse while another request
        with it is being served. A reservation ends by `create`, by `abandon`, or after the upload timeout.
        """
        raise NotImplementedError

    async def abandon(self, owner: str, key: str) -> None:
        """Give up the reservation of an idempotency key, because the request was refused."""

    async def create(
        self,
        new: NewJob,
        *,
        limits: OwnerLimits = OwnerLimits(),
        idempotency: Idempotency | None = None,
    ) -> Job:
        """Write record, idempotency key and waiting index at once, then publish a permit.

        A failed publication is no error: the reaper publishes later. Raise QueueFull, QuotaExceeded, KeyReused (same
        key, other fingerprint). With a key that already has a job of the same fingerprint, that job is returned:
        compare its id with `new.id`.
        """
        raise NotImplementedError

    async def get(self, job_id: str, owner: str | None) -> Job:
        """Return one job; `owner=None` is for operators. Raise JobNotFound, UnreadableRecord."""
        raise NotImplementedError

    async def list(self, owner: str, *, status: Status | None = None, cursor: str | None = None, limit: int = 20) -> JobPage:
        """Return the jobs of an owner, newest first; `cursor` is the one of the page before."""
        raise NotImplementedError

    async def cancel(self, job_id: str, owner: str | None) -> Job:
        """Cancel a job and return it: `canceled` at once if it was waiting (or was canceled before), else still `running`
        with `cancel_requested_at`. Raise JobNotFound, WrongState if it ended otherwise."""
        raise NotImplementedError

    async def delete(self, job_id: str, owner: str | None) -> tuple[str, ...]:
        """Remove a job, canceling it if needed, and return the names of its blobs for the caller to delete.

        A running job's worker finds its lease lost and stops. Blobs not deleted by the caller are found by the reaper.
        """
        raise NotImplementedError

    async def events(self, after: Mapping[str, str], *, block_seconds: float = 0.0, count: int = 100) -> Mapping[str, Sequence[Event]]:
        """Read new events of several jobs at once: `after` maps job id to the last event id seen ("0" for all).

        Waits up to `block_seconds` for a first one. A connection is held meanwhile, so that one reader per process
        should serve all its listeners.
        """
        raise NotImplementedError

    async def stats(self) -> Stats:
        """Count what waits, runs and has been."""
        raise NotImplementedError

    async def workers(self) -> tuple[WorkerInfo, ...]:
        """List the live workers."""
        raise NotImplementedError

    async def available_models(self) -> frozenset[str]:
        """Name the networks that at least one live worker has."""
        raise NotImplementedError

    async def ping(self) -> None:
        """Raise StoreUnavailable unless Redis answers and takes writes."""

    async def aclose(self) -> None:
        """Close the connections."""
