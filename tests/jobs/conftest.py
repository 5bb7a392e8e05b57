"""A store with both its sides over a real Redis, and jobs to put in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis

from jobs.connections import connect, connect_async
from jobs.errors import StoreUnavailable
from jobs.model import BlobRef, Inputs, Job, NewJob, Options, OwnerLimits, new_job_id
from jobs.settings import JobSettings
from jobs.status import Priority
from jobs.store.job_store import NO_LIMITS, JobStore
from jobs.store.lease import Lease, WorkerStore


@dataclass
class FakeQueue:
    """A queue that notes messages instead of sending them; `broken` refuses them."""

    notified: list[tuple[str, Priority]] = field(default_factory=list)
    broken: bool = False

    def notify(self, model: str, priority: Priority) -> None:
        if self.broken:
            raise StoreUnavailable()
        self.notified.append((model, priority))


def make_job(owner: str = "ann", **values: Any) -> NewJob:
    """Make a job whose pictures need not exist."""
    job_id = values.pop("id", None) or new_job_id()
    content = BlobRef(name=f"{job_id}/content", sha256="0" * 64, bytes=3, media_type="image/png")
    style = BlobRef(name=f"{job_id}/style-0", sha256="1" * 64, bytes=3, media_type="image/png")
    inputs = values.pop("inputs", Inputs(content=content, styles=(style,)))
    webhook = values.pop("webhook_url", None)
    options = Options(webhook_url=webhook)
    defaults: dict[str, Any] = {"model": "lite", "params": {"steps": 5, "model": "lite"}, "request_id": "req-1"}
    return NewJob(id=job_id, owner=owner, inputs=inputs, options=options, **(defaults | values))


@dataclass
class Store:
    """Both sides of the store."""

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

    def end_lease(self, job_id: str) -> None:
        """Let the lease of a job be over, as if its worker had been silent."""
        self.redis.zadd("nst:leases", {job_id: 1})


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
