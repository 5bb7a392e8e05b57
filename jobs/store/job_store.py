"""The job store for the API: create, get, list, cancel and delete jobs, and read their events. Asynchronous."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from redis.asyncio import Redis

from jobs.connections import store_errors
from jobs.errors import (
    JobNotFound,
    KeyInUse,
    KeyReused,
    QueueFull,
    QuotaExceeded,
    StoreUnavailable,
    UnreadableRecord,
    WrongState,
)
from jobs.model import Event, Job, JobPage, NewJob, OwnerLimits, Stats
from jobs.queue import JobQueue
from jobs.settings import JobSettings
from jobs.status import Priority, Status
from jobs.store.idempotency import EarlierRequest, Idempotency, key_digest
from jobs.store.job_reader import JobReader
from jobs.store.scripts import AsyncScripts, key, milliseconds
from jobs.store.serialization import View, decode_view, encode_spec

log = logging.getLogger(__name__)
NO_LIMITS = OwnerLimits()
IDEMPOTENCY_TTL_SECONDS = 24 * 3600.0
SCRIPTS = ("locks/reserve_key", "locks/release_key", "create", "list", "cancel", "delete")


class JobStore:
    """Asynchronous access to the jobs; every method raises StoreUnavailable if Redis does not answer.

    A method takes one round trip to Redis, `create` one more for the wake-up message, `stats` two. A job of another
    owner is a JobNotFound. In a job that `get` returns, `queue_seconds` and `run_seconds` may be `fresh_seconds` old;
    everything else is current.
    """

    def __init__(self, redis: Redis, queue: JobQueue, settings: JobSettings, *, fresh_seconds: float = 0.0) -> None:
        self._redis: Any = redis
        self._queue = queue
        self._settings = settings
        self._scripts = AsyncScripts(redis, settings, *SCRIPTS)
        self._reader = JobReader(AsyncScripts(redis, settings, "get"), fresh_seconds=fresh_seconds)

    async def reserve_key(self, owner: str, key: str) -> EarlierRequest | None:
        """Reserve an idempotency key before the body of a request is read.

        Return None for a new key, or the request that created a job with it; raise KeyInUse while another request
        with this key is being served. A reservation ends with `create`, `release_key` or the upload timeout.
        """
        ttl = milliseconds(self._settings.upload_timeout_seconds)
        answer = await self._scripts.run("locks/reserve_key", owner=owner, idem=key_digest(key), ttl=ttl)
        if answer[0] == "pending":
            raise KeyInUse()
        return None if answer[0] == "new" else EarlierRequest(fingerprint=answer[1], job_id=answer[2])

    async def release_key(self, owner: str, key: str) -> None:
        """Release an idempotency key whose request was refused."""
        await self._scripts.run("locks/release_key", owner=owner, idem=key_digest(key))

    async def create(
        self, new: NewJob, *, limits: OwnerLimits = NO_LIMITS, idempotency: Idempotency | None = None
    ) -> Job:
        """Write the record, its idempotency key and its place in the queue at once, then wake up a worker.

        Return the job, or the earlier one that has the same key and fingerprint: compare its id with `new.id`. Raise
        QueueFull, QuotaExceeded, or KeyReused if the key belongs to another fingerprint. If the queue is down, the
        reaper sends the message later. Raise StoreUnavailable if too few replicas have the job in time: it may exist.
        """
        outcome, *rest = await self._create(self._creation(new, limits, idempotency))
        self._refuse(outcome, limits)
        if outcome == "created":
            await self._notify(new.model, new.priority)
        return decode_view(rest[0])

    async def confirm(self) -> None:
        """Wait until as many replicas as NST_REDIS_WAIT_REPLICAS have all that was written; raise StoreUnavailable."""
        if self._settings.redis_wait_replicas:
            with store_errors():
                await self._replicated(self._writing_pipeline())

    async def _create(self, arguments: Mapping[str, Any]) -> Any:
        """Run the script and wait for the replicas on one connection, so that both are about the same primary."""
        if not self._settings.redis_wait_replicas:
            return await self._scripts.run("create", **arguments)
        with store_errors():
            pipe = self._writing_pipeline()
            await self._scripts.add_to(pipe, "create", **arguments)
            return await self._replicated(pipe)

    def _writing_pipeline(self) -> Any:
        """Return a pipeline with a write: WAIT is about the last one of its connection, and a script may have none."""
        return self._redis.pipeline(transaction=False).set(key("ping"), "1", px=1000)

    async def _replicated(self, pipe: Any) -> Any:
        """Execute a pipeline, wait until the replicas have what it wrote, and return the last reply."""
        count, timeout = self._settings.redis_wait_replicas, self._settings.redis_timeout_seconds / 2
        *_, reply, have = await pipe.wait(count, milliseconds(timeout)).execute()
        if have < count:
            raise StoreUnavailable("The replicas of the job store are behind.")
        return reply

    def _creation(self, new: NewJob, limits: OwnerLimits, idempotency: Idempotency | None) -> dict[str, Any]:
        return {
            "id": new.id,
            "owner": new.owner,
            "model": new.model,
            "priority": str(new.priority),
            "draft": new.is_draft or None,
            "spec": encode_spec(new),
            "webhook": new.options.webhook_url,
            "events": ",".join(new.options.webhook_events) if new.options.webhook_url else None,
            "deliver": new.options.result_url,
            "traceparent": new.traceparent if new.options.webhook_url else None,
            "queue_limit": self._settings.queue_limit,
            "queued": limits.queued,
            "running": limits.running,
            "per_day": limits.per_day,
            "idem": None if idempotency is None else key_digest(idempotency.key),
            "fingerprint": None if idempotency is None else idempotency.fingerprint,
            "idem_ttl": milliseconds(IDEMPOTENCY_TTL_SECONDS),
        }

    def _refuse(self, outcome: str, limits: OwnerLimits) -> None:
        match outcome:
            case "full":
                raise QueueFull(self._settings.queue_limit)
            case "queued":
                raise QuotaExceeded("queued", limits.queued or 0)
            case "per_day":
                raise QuotaExceeded("per_day", limits.per_day or 0)
            case "reused":
                raise KeyReused()
            case "gone":
                detail = "The pictures of the job were removed before it was created. Send it again."
                raise StoreUnavailable(detail, refused=True)

    async def _notify(self, model: str, priority: Priority) -> None:
        """Wake up a worker, but do not wait long for a slow broker."""
        work = asyncio.ensure_future(asyncio.to_thread(self._queue.notify, model, priority))
        try:
            await asyncio.wait_for(asyncio.shield(work), timeout=self._settings.redis_timeout_seconds / 2)
        except (StoreUnavailable, TimeoutError) as error:
            work.add_done_callback(lambda done: done.cancelled() or done.exception())
            log.warning("a worker could not be notified, the reaper will do so: %s", error or "the broker is slow")

    async def get(self, job_id: str, owner: str | None) -> Job:
        """Return a job; `owner=None` is for operators. Raise JobNotFound, UnreadableRecord."""
        return await self._reader.get(job_id, owner)

    async def list(
        self, owner: str, *, status: Status | None = None, cursor: str | None = None, limit: int = 20
    ) -> JobPage:
        """Return a page of the jobs of an owner, newest first; `cursor` is that of the previous page.

        Records that cannot be read are left out.
        """
        views, more = await self._scripts.run(
            "list", owner=owner, status=status and str(status), cursor=cursor, limit=limit
        )
        return JobPage(jobs=tuple(_readable(views)), cursor=more)

    async def cancel(self, job_id: str, owner: str | None) -> Job:
        """Cancel a job and return it.

        A waiting job is `canceled` at once; a running one is still `running`, with `cancel_requested_at`. Raise
        JobNotFound, or WrongState if the job has succeeded or failed.
        """
        outcome, *rest = await self._scripts.run("cancel", id=job_id, owner=owner)
        if outcome == "missing":
            raise JobNotFound(job_id)
        if outcome == "ended":
            raise WrongState(job_id, rest[0], "canceled")
        return decode_view(rest[0])

    async def delete(self, job_id: str, owner: str | None) -> None:
        """Cancel a job if it has not ended, and remove its record; the caller then removes its pictures.

        The worker of a running job loses its lease and stops. The reaper removes pictures that are left.
        """
        if not await self._scripts.run("delete", id=job_id, owner=owner):
            raise JobNotFound(job_id)

    async def events(
        self, after: Mapping[str, str], *, block_seconds: float = 0.0, count: int = 100
    ) -> Mapping[str, Sequence[Event]]:
        """Read new events of several jobs at once; `after` maps a job id to the last event id seen ("0" for all).

        Wait up to `block_seconds` for the first event; keep it below `redis_timeout_seconds`. The call holds a
        connection, so one reader should serve all listeners of a process.
        """
        streams: dict[Any, Any] = {key("events", job_id): last for job_id, last in after.items()}
        with store_errors():
            answer = await self._redis.xread(
                streams, count=count, block=milliseconds(block_seconds) if block_seconds else None
            )
        prefix = len(key("events", ""))
        return {
            name[prefix:]: [
                Event(id=entry, type=item["type"], data=json.loads(item["data"])) for entry, item in entries
            ]
            for name, entries in answer or ()
        }

    async def has_event(self, job_id: str, event_id: str) -> bool:
        """Tell whether the stream of a job contains an event."""
        with store_errors():
            return bool(await self._redis.xrange(key("events", job_id), event_id, event_id, count=1))

    async def stats(self) -> Stats:
        """Count the waiting and running jobs, the workers, and what has happened so far."""
        with store_errors():
            seconds, _ = await self._redis.time()
            pipe = self._redis.pipeline(transaction=False)
            pipe.hgetall(key("depth")).zcard(key("leases")).zcount(key("workers"), seconds * 1000, "+inf")
            depth, running, workers, totals = await pipe.hgetall(key("totals")).execute()
        waiting = {(name.partition("|")[0], Priority(name.partition("|")[2])): int(n) for name, n in depth.items()}
        return Stats(
            waiting=waiting, running=running, workers=workers, totals={name: float(n) for name, n in totals.items()}
        )

    async def ping(self) -> None:
        """Raise StoreUnavailable unless Redis answers and accepts writes."""
        with store_errors():
            await self._redis.set(key("ping"), "1", px=1000)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


def _readable(views: Sequence[View]) -> Iterator[Job]:
    for view in views:
        try:
            yield decode_view(view)
        except UnreadableRecord as error:
            log.warning("job %s was left out of a list: %s", error.job_id, error)
