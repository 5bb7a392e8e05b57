"""The registry of live workers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from jobs.connections import connect, connect_async
from jobs.model import WorkerInfo
from jobs.status import Priority
from jobs.worker_registry import AsyncWorkerRegistry, WorkerRegistry
from tests.jobs.conftest import Store

pytestmark = pytest.mark.anyio
INFO = WorkerInfo(id="w1", host="here", device="cpu", models=("lite", "vgg19"), priorities=tuple(Priority))


@pytest.fixture
def registry(store: Store) -> WorkerRegistry:
    return WorkerRegistry(connect(store.settings), store.settings)


@pytest.fixture
async def seen(store: Store) -> AsyncIterator[AsyncWorkerRegistry]:
    """The registry as the API sees it."""
    redis = connect_async(store.settings)
    yield AsyncWorkerRegistry(redis, store.settings)
    await redis.aclose()


async def test_an_announced_worker_is_listed_with_its_networks(
    store: Store, registry: WorkerRegistry, seen: AsyncWorkerRegistry
) -> None:
    registry.announce(INFO)
    (worker,) = await seen.live()
    assert (worker.id, worker.models, worker.priorities) == ("w1", ("lite", "vgg19"), tuple(Priority))
    assert await seen.models() == {"lite", "vgg19"}
    assert (await store.client.stats()).workers == 1


async def test_a_retired_worker_is_gone(store: Store, registry: WorkerRegistry, seen: AsyncWorkerRegistry) -> None:
    registry.announce(INFO)
    registry.retire(INFO)
    assert await seen.live() == ()


async def test_a_silent_worker_is_gone(store: Store, registry: WorkerRegistry, seen: AsyncWorkerRegistry) -> None:
    registry.announce(INFO)
    store.redis.delete("nst:worker:w1")  # its time to live has passed
    assert await seen.live() == ()
    assert registry.live() == ()
    assert store.redis.zcard("nst:workers") == 0


async def test_an_announcement_of_a_newer_release_is_understood(
    store: Store, registry: WorkerRegistry, seen: AsyncWorkerRegistry
) -> None:
    registry.announce(INFO)
    text = store.redis.get("nst:worker:w1") or ""
    newer = text.replace("{", '{"mood": "good", ', 1).replace('"interactive"', '"soon", "interactive"')
    store.redis.set("nst:worker:w1", newer)
    assert [worker.priorities for worker in await seen.live()] == [tuple(Priority)]


async def test_jobs_for_a_network_are_accepted_until_an_hour_after_its_last_worker_has_gone(
    store: Store, registry: WorkerRegistry, seen: AsyncWorkerRegistry
) -> None:
    other = replace(INFO, id="w2", models=("lite",))
    assert await seen.accepts("resnet50"), "no worker is alive"
    WorkerRegistry(connect(store.settings), store.settings).announce(other)
    assert not await seen.accepts("vgg19")
    registry.announce(INFO)
    assert await seen.accepts("vgg19")
    registry.retire(INFO)
    assert await seen.accepts("vgg19"), "it may come back"
    store.redis.zadd("nst:networks", {"vgg19": 1})
    assert not await seen.accepts("vgg19")
