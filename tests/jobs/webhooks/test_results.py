"""Delivery of results to presigned URLs, and webhooks of the events that a client chooses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import pytest
import redis

from jobs.model import Preview, ResultInfo
from jobs.outbound.url_guard import Destination
from jobs.settings import JobSettings
from jobs.storage.disk import DiskBlobs
from jobs.store.lease import Lease, WorkerStore
from jobs.webhooks.delivery import Webhooks, WebhookSettings
from jobs.webhooks.outbox import Outbox
from tests.jobs.conftest import Store
from tests.jobs.webhooks.test_delivery import PUBLIC, URL, Receiver, SameThreadExecutor, deliver_all

pytestmark = pytest.mark.anyio
TARGET = "https://bucket.example.com/painting.png?signature=abc"


class Bucket:
    """Records what is sent, and returns the given answers."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers, self.seen = list(answers), []  # type: ignore[var-annotated]

    def __call__(self, place: Destination, file: BinaryIO, *, size: int, media_type: str, seconds: float) -> int:
        self.seen.append((place.target, file.read(), size, media_type))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


Make = Callable[..., Webhooks]


@pytest.fixture
def blobs(tmp_path: Path) -> DiskBlobs:
    return DiskBlobs(tmp_path)


@pytest.fixture
def make(raw: redis.Redis, job_settings: JobSettings, blobs: DiskBlobs) -> Make:
    def build(bucket: Bucket | None = None, receiver: Receiver | None = None, address: str = PUBLIC) -> Webhooks:
        return Webhooks(
            raw,
            Outbox(raw, job_settings),
            WebhookSettings(webhook_delays=(0.001, 0.001)),
            blobs=blobs,
            sender=receiver or Receiver([]),
            uploader=bucket or Bucket(),
            resolver=lambda host, port: (address,),
            executor=SameThreadExecutor(),
        )

    return build


def claim(raw: redis.Redis, settings: JobSettings) -> Lease:
    lease = WorkerStore(raw, settings).claim("lite", worker="w", token="token")
    assert lease is not None
    return lease


async def finished(store: Store, raw: redis.Redis, settings: JobSettings, blobs: DiskBlobs, **options: Any) -> str:
    """Make a job that has succeeded, and return its id."""
    job = await store.create("ann", **{"result_url": TARGET, "model": "lite"} | options)
    lease = claim(raw, settings)
    ref = blobs.put(f"{job.id}/result.png", b"picture", "image/png")
    result = ResultInfo(blob=ref.name, width=4, height=3, bytes=ref.bytes, sha256=ref.sha256, media_type=ref.media_type)
    assert lease.complete(result).status == "succeeded"
    return job.id


@pytest.mark.parametrize(
    ("answers", "status", "detail"),
    [
        ([200], "delivered", ""),
        ([503, httpx.ConnectTimeout("slow"), 204], "delivered", ""),
        ([403], "failed", "the server answered with status 403"),
        ([302], "failed", "the server answered with status 302"),
        ([500, 500, 500], "failed", "the server answered with status 500"),
    ],
)
async def test_a_result_is_delivered_or_the_job_says_why_not(
    store: Store,
    raw: redis.Redis,
    job_settings: JobSettings,
    blobs: DiskBlobs,
    make: Make,
    answers: list[int | Exception],
    status: str,
    detail: str,
) -> None:
    job_id = await finished(store, raw, job_settings, blobs)
    bucket = Bucket(*answers)
    deliver_all(make(bucket), raw)
    delivery = (await store.client.get(job_id, "ann")).delivery
    assert delivery is not None
    assert (delivery.status, delivery.detail) == (status, detail)
    sent = ("/painting.png?signature=abc", b"picture", 7, "image/png")
    assert bucket.seen == [sent] * len(answers)


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1"])
async def test_a_result_goes_to_public_addresses_only(
    store: Store, raw: redis.Redis, job_settings: JobSettings, blobs: DiskBlobs, make: Make, address: str
) -> None:
    job_id = await finished(store, raw, job_settings, blobs)
    bucket = Bucket()
    deliver_all(make(bucket, address=address), raw)
    delivery = (await store.client.get(job_id, "ann")).delivery
    assert delivery is not None
    assert (delivery.status, delivery.detail, bucket.seen) == ("failed", "the address is not public", [])


async def test_a_result_that_has_been_removed_is_not_delivered(
    store: Store, raw: redis.Redis, job_settings: JobSettings, blobs: DiskBlobs, make: Make
) -> None:
    job_id = await finished(store, raw, job_settings, blobs)
    blobs.delete_all(job_id)
    deliver_all(make(), raw)
    delivery = (await store.client.get(job_id, "ann")).delivery
    assert delivery is not None and delivery.status == "failed"


@pytest.mark.parametrize(
    ("events", "types"),
    [
        (("completed",), ["job.succeeded"]),
        (("started",), ["job.started"]),
        (("started", "preview", "completed"), ["job.started", "job.preview", "job.succeeded"]),
    ],
)
async def test_a_webhook_is_told_of_the_events_that_its_client_chose(
    store: Store, raw: redis.Redis, job_settings: JobSettings, make: Make, events: tuple[str, ...], types: list[str]
) -> None:
    import json

    await store.create("ann", webhook_url=URL, webhook_events=events, model="lite")
    lease = claim(raw, job_settings)
    for sequence in (1, 2):  # the second replaces the first, which has not been delivered
        lease.preview(Preview(blob="b", sequence=sequence, iteration=5 * sequence, media_type="image/webp"))
        lease.heartbeat()
    lease.complete(ResultInfo(blob="b", width=4, height=3, bytes=7, sha256="ab", media_type="image/png"))
    receiver = Receiver([200] * 9)
    deliver_all(make(receiver=receiver), raw)
    told = [json.loads(body) for _, body, _ in receiver.seen]
    assert sorted(event["type"] for event in told) == sorted(types)
    previews = [event["data"]["iteration"] for event in told if event["type"] == "job.preview"]
    assert previews in ([], [10])
    assert raw.zcard("nst:webhooks") == 0
