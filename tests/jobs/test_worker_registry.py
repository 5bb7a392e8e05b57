"""What live workers announce."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jobs.connections import connect
from jobs.model import WorkerInfo
from jobs.status import Priority
from jobs.worker_registry import WorkerRegistry
from tests.jobs.conftest import Store

pytestmark = pytest.mark.anyio
INFO = WorkerInfo(id="w1", host="here", device="cpu", models=("lite", "vgg19"), priorities=tuple(Priority))


@pytest.fixture
def roster(store: Store) -> WorkerRegistry:
    return WorkerRegistry(connect(store.settings), ttl_seconds=10)


async def test_an_announced_worker_is_listed_with_its_networks(store: Store, roster: WorkerRegistry) -> None:
    roster.announce(INFO)
    (worker,) = await store.client.workers()
    assert (worker.id, worker.models, worker.priorities) == ("w1", ("lite", "vgg19"), tuple(Priority))
    assert await store.client.available_models() == {"lite", "vgg19"}
    assert (await store.client.stats()).workers == 1


async def test_a_worker_that_said_goodbye_is_gone(store: Store, roster: WorkerRegistry) -> None:
    roster.announce(INFO)
    roster.retire(INFO)
    assert await store.client.workers() == ()


async def test_a_silent_worker_is_gone(store: Store, roster: WorkerRegistry) -> None:
    roster.announce(INFO)
    store.redis.delete("nst:worker:w1")  # its time to live is over
    assert await store.client.workers() == ()
    assert roster.live() == ()
    assert store.redis.zcard("nst:workers") == 0


async def test_an_announcement_of_a_newer_release_is_understood(store: Store, roster: WorkerRegistry) -> None:
    roster.announce(INFO)
    text = store.redis.get("nst:worker:w1") or ""
    newer = text.replace("{", '{"mood": "good", ', 1).replace('"interactive"', '"soon", "interactive"')
    store.redis.set("nst:worker:w1", newer)
    assert [worker.priorities for worker in await store.client.workers()] == [tuple(Priority)]


async def test_a_network_may_be_asked_for_until_an_hour_after_its_last_worker_went(
    store: Store, roster: WorkerRegistry
) -> None:
    other = replace(INFO, id="w2", models=("lite",))
    assert await store.client.may_ask_for("resnet50"), "no worker is alive"
    roster.announce(other)
    assert not await store.client.may_ask_for("vgg19")
    roster.announce(INFO)
    assert await store.client.may_ask_for("vgg19")
    roster.retire(INFO)
    assert await store.client.may_ask_for("vgg19"), "it may come back"
    store.redis.zadd("nst:networks", {"vgg19": 1})
    assert not await store.client.may_ask_for("vgg19")
