"""500 clients listen to one job while 200 poll it: nothing is dropped, and memory stays bounded."""

from __future__ import annotations

import asyncio
import os
import re
import time
from urllib.parse import urlsplit

import httpx
import pytest
import redis

from jobs.connections import connect_async
from jobs.model import BlobRef, Inputs, NewJob, Progress, ResultInfo, new_job_id
from jobs.queue import CeleryQueue, make_celery
from jobs.store.job_store import JobStore
from jobs.store.lease import Lease, WorkerStore
from nst_engine.spec.presets import resolve
from tests.stack.stack import Stack

pytestmark = [pytest.mark.anyio, pytest.mark.acceptance, pytest.mark.timeout(300)]

LISTENERS = int(os.environ.get("NST_TEST_LISTENERS", "500"))
POLLERS = int(os.environ.get("NST_TEST_POLLERS", "200"))
EVENTS = 30
MIB = 1024 * 1024
IDS = re.compile(rb"^id: (\S+)$", re.MULTILINE)


async def create(service: Stack, owner: str) -> str:
    """Create a job for a network that no worker of the service has, so that this test can play its worker."""
    ref = BlobRef(name="x/content", sha256="0" * 64, bytes=1)
    job_id = new_job_id()
    client = JobStore(connect_async(service.settings), CeleryQueue(make_celery(service.settings)), service.settings)
    params = resolve("default", {"model": "inception_v3"}).model_dump(mode="json")
    await client.create(
        NewJob(id=job_id, owner=owner, model="inception_v3", params=params, inputs=Inputs(content=ref, styles=(ref,)))
    )
    await client.aclose()
    return job_id


async def listen(service: Stack, head: bytes, ready: asyncio.Semaphore) -> list[bytes]:
    """Read an event stream to its end and return the ids of its events."""
    place = urlsplit(service.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(head)
    try:
        seen = await reader.readuntil(b"retry: 2000\n\n")
    except asyncio.IncompleteReadError as error:
        raise AssertionError(error.partial) from None
    ready.release()
    seen += await reader.read()
    writer.close()
    return list(IDS.findall(seen))


def run_job(service: Stack, lease: Lease, raw: redis.Redis) -> list[bytes]:
    """Publish the events of a run and return the ids of all of them."""
    for iteration in range(1, EVENTS + 1):
        lease.heartbeat(Progress(iteration=iteration, total=EVENTS, loss=1 / iteration))
        time.sleep(0.05)  # a run takes its time between two steps; all at once would test a burst
    entries = raw.xrange(f"nst:events:{lease.job.id}")
    result = ResultInfo(blob="x/result", width=1, height=1, bytes=1, sha256="0" * 64, media_type="image/png")
    lease.complete(result)
    last = raw.xrevrange(f"nst:events:{lease.job.id}", count=1)
    return [entry.encode() for entry, _ in [*entries, *last]]


async def poll(http: httpx.AsyncClient, path: str, done: asyncio.Event, times: list[float]) -> None:
    while not done.is_set():
        began = time.perf_counter()
        answer = await http.get(path)
        times.append(time.perf_counter() - began)
        assert answer.status_code == 200
        await asyncio.sleep(1)


async def test_no_event_is_dropped_and_memory_is_bounded(service: Stack) -> None:
    key, secret = await asyncio.to_thread(service.create_key, "crowd")
    authorization = {"Authorization": f"Bearer {secret}"}
    raw = redis.Redis.from_url(service.settings.redis_url, decode_responses=True)
    job_id = await create(service, key.id)
    lease = WorkerStore(raw, service.settings).claim("inception_v3", worker="test", token="t")
    assert lease is not None
    path = f"/v1/jobs/{job_id}"
    head = (
        f"GET {path}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\nConnection: close\r\n\r\n".encode()
    )
    before, ready, done = service.api.memory_bytes(), asyncio.Semaphore(0), asyncio.Event()
    limits = httpx.Limits(max_connections=POLLERS, max_keepalive_connections=POLLERS)
    async with httpx.AsyncClient(base_url=service.url, headers=authorization, limits=limits, timeout=60) as http:
        times: list[float] = []
        async with asyncio.TaskGroup() as group:
            listeners = [group.create_task(listen(service, head, ready)) for _ in range(LISTENERS)]
            for _ in range(LISTENERS):
                await ready.acquire()
            for _ in range(POLLERS):
                group.create_task(poll(http, path, done, times))
            expected = await asyncio.to_thread(run_job, service, lease, raw)
            during = service.api.memory_bytes()
            await asyncio.wait(listeners)
            done.set()
    assert len(expected) >= EVENTS + 2
    assert [heard for heard in (task.result() for task in listeners) if heard != expected] == []
    assert during - before < 200 * MIB
    assert len(times) >= POLLERS
    raw.close()
