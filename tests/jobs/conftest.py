"""The job store over a real Redis, for clients and workers, and jobs to put into it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis

from jobs.connections import connect, connect_async
from jobs.errors import StoreUnavailable
from jobs.model import BlobRef, Inputs, Job, NewJob, Options, OwnerLimits, ResultInfo, new_job_id
from jobs.settings import JobSettings
from jobs.status import Priority
from jobs.store.job_store import NO_LIMITS, JobStore
from jobs.store.lease import Lease, WorkerStore
from jobs.store.scripts import milliseconds

TIMES = {"created", "started", "claimed", "deadline", "finished", "expires"}


@dataclass
class FakeQueue:
    """A queue that records messages instead of sending them; with `broken` it refuses them."""

    notified: list[tuple[str, Priority]] = field(default_factory=list)
    broken: bool = False

    def notify(self, model: str, priority: Priority) -> None:
        if self.broken:
            raise StoreUnavailable()
        self.notified.append((model, priority))


def make_result(job: Job) -> ResultInfo:
    """Make a result; its picture need not exist."""
    name = f"{job.id}/result-1.png"
    return ResultInfo(blob=name, width=4, height=3, bytes=9, sha256="2" * 64, media_type="image/png")


def make_job(owner: str = "ann", **values: Any) -> NewJob:
    """Make a job; its pictures need not exist."""
    job_id = values.pop("id", None) or new_job_id()
    content = BlobRef(name=f"{job_id}/content", sha256="0" * 64, bytes=3, media_type="image/png")
    style = BlobRef(name=f"{job_id}/style-0", sha256="1" * 64, bytes=3, media_type="image/png")
    inputs = values.pop("inputs", Inputs(content=content, styles=(style,)))
    names = ("webhook_url", "webhook_events", "result_url")
    options = values.pop("options", None) or Options(**{name: values.pop(name) for name in names if name in values})
    defaults: dict[str, Any] = {"model": "lite", "params": {"steps": 5, "model": "lite"}, "request_id": "req-1"}
    return NewJob(id=job_id, owner=owner, inputs=inputs, options=options, **(defaults | values))


@dataclass
class Store:
    """The store for clients and for workers."""

    client: JobStore
    worker: WorkerStore
    redis: redis.Redis
    queue: FakeQueue
    settings: JobSettings
    claims: int = 0

    async def create(self, owner: str = "ann", limits: OwnerLimits = NO_LIMITS, **values: Any) -> Job:
        return await self.client.create(make_job(owner, **values), limits=limits)

    def claim(self, model: str = "lite", **values: Any) -> Lease | None:
        self.claims += 1
        return self.worker.claim(model, **({"worker": "w1", "token": f"token-{self.claims}"} | values))

    def must_claim(self, model: str = "lite", **values: Any) -> Lease:
        lease = self.claim(model, **values)
        assert lease is not None
        return lease

    def pass_time(self, job_id: str, seconds: float) -> None:
        """Move every time of a job into the past, as if nothing had happened to it for so long."""
        past, record = -milliseconds(seconds), f"nst:job:{job_id}"
        for time in TIMES & set(self.redis.hkeys(record)):
            self.redis.hincrby(record, time, past)
        for index in ("nst:leases", "nst:expiry", "nst:tombs"):
            if self.redis.zscore(index, job_id) is not None:
                self.redis.zincrby(index, past, job_id)

    def lose_worker(self, job_id: str) -> None:
        """Let the lease of a job run out, as if its worker had died."""
        self.pass_time(job_id, self.settings.lease_seconds)

    def overwrite(self, job_id: str, **fields: str) -> None:
        """Write fields of a record, as a newer version of nst or a fault would."""
        self.redis.hset(f"nst:job:{job_id}", mapping=fields)


@pytest.fixture
def queue() -> FakeQueue:
    return FakeQueue()


@pytest.fixture
def raw(redis_url: str) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(redis_url, decode_responses=True, protocol=2)
    yield client
    client.close()


@pytest.fixture
async def store(job_settings: JobSettings, queue: FakeQueue, raw: redis.Redis) -> AsyncIterator[Store]:
    client = JobStore(connect_async(job_settings), queue, job_settings)
    worker = WorkerStore(connect(job_settings), job_settings)
    yield Store(client=client, worker=worker, redis=raw, queue=queue, settings=job_settings)
    await client.aclose()
