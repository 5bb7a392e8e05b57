"""The outbox of webhooks."""

from __future__ import annotations

import pytest

from jobs.connections import connect
from jobs.model import Failure
from jobs.webhooks.outbox import Outbox
from tests.jobs.conftest import Store

pytestmark = pytest.mark.anyio
URL = "https://example.org/hook"


@pytest.fixture
def outbox(store: Store) -> Outbox:
    return Outbox(connect(store.settings), store.settings)


async def test_the_end_of_a_job_with_a_webhook_makes_a_delivery(store: Store, outbox: Outbox) -> None:
    job = await store.create(webhook_url=URL)
    store.must_claim().fail(Failure(code="diverged", message="x"))
    delivery = outbox.take()
    assert delivery is not None
    assert (delivery.job_id, delivery.owner, delivery.url, delivery.attempt) == (job.id, "ann", URL, 1)
    assert delivery.payload["type"] == "job.failed"
    assert delivery.payload["data"]["error"]["code"] == "diverged"


async def test_a_job_without_a_webhook_makes_none(store: Store, outbox: Outbox) -> None:
    job = await store.create()
    await store.client.cancel(job.id, "ann")
    assert outbox.take() is None


async def test_a_canceled_job_makes_a_delivery_too(store: Store, outbox: Outbox) -> None:
    job = await store.create(webhook_url=URL)
    await store.client.cancel(job.id, "ann")
    delivery = outbox.take()
    assert delivery is not None
    assert delivery.payload["type"] == "job.canceled"


async def test_a_taken_delivery_comes_back_unless_settled(store: Store, outbox: Outbox) -> None:
    job = await store.create(webhook_url=URL)
    await store.client.cancel(job.id, "ann")
    first = outbox.take()
    assert first is not None
    assert outbox.take() is None
    store.redis.zadd("nst:webhooks", {first.id: 1})  # its lease expires
    second = outbox.take()
    assert second is not None
    assert (second.id, second.attempt) == (first.id, 2)
    outbox.done(second)
    store.redis.zadd("nst:webhooks", {first.id: 1}, xx=True)
    assert outbox.take() is None


async def test_a_failed_delivery_is_due_again_later(store: Store, outbox: Outbox) -> None:
    job = await store.create(webhook_url=URL)
    await store.client.cancel(job.id, "ann")
    delivery = outbox.take()
    assert delivery is not None
    outbox.retry(delivery, in_seconds=3600)
    assert outbox.take() is None
    assert store.redis.zscore("nst:webhooks", delivery.id) > delivery.payload["time_ms"] + 3_500_000


@pytest.mark.parametrize("state", ["queued", "running", "canceled", "taken"])
async def test_a_deleted_job_leaves_no_delivery(store: Store, outbox: Outbox, state: str) -> None:
    job = await store.create(webhook_url=URL)
    if state == "running":
        store.must_claim()
    elif state != "queued":
        await store.client.cancel(job.id, "ann")
    delivery = outbox.take() if state == "taken" else None
    await store.client.delete(job.id, "ann")
    if delivery is not None:
        outbox.retry(delivery, in_seconds=-60)
    assert outbox.take() is None
    assert store.redis.keys("nst:webhook*") == []
