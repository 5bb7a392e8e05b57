"""How many commands a worker costs Redis, over a number of heartbeats and not by the clock."""

from __future__ import annotations

import pytest

from jobs.connections import connect
from jobs.model import Preview, Progress
from jobs.queue import POLL_SECONDS
from jobs.settings import JobSettings
from jobs.store.reaper import Reaper
from jobs.webhooks.delivery import Webhooks, WebhookSettings
from jobs.webhooks.outbox import Outbox
from jobs.worker_registry import WorkerRegistry
from tests.stack.redis import count_commands
from tests.worker.conftest import INFO, Harness
from worker.main import ANNOUNCE_SECONDS, WEBHOOK_SECONDS
from worker.registration import Registration

pytestmark = pytest.mark.anyio
SECONDS = 60
BEATS = 10


async def test_an_idle_worker_costs_at_most_two_commands_a_second(harness: Harness) -> None:
    """Another worker does the rounds of the reaper; the waits for a message are counted as Celery makes them."""
    redis = connect(harness.jobs)
    redis.set("nst:reaper", "another worker")
    reaper = Reaper(redis, blobs=harness.blobs, queue=harness.queue, settings=harness.jobs)
    webhooks = Webhooks(redis, Outbox(redis, harness.jobs), WebhookSettings())
    registration = Registration(WorkerRegistry(redis, harness.jobs), INFO, seconds=ANNOUNCE_SECONDS)
    before = count_commands(redis)
    for _ in range(round(SECONDS / ANNOUNCE_SECONDS)):
        registration.announce()
    for _ in range(round(SECONDS / (JobSettings().reaper_seconds / 2))):
        assert not reaper.round()
    for _ in range(round(SECONDS / WEBHOOK_SECONDS)):
        webhooks.deliver_due()
    commands = count_commands(redis) - before + SECONDS / POLL_SECONDS
    assert SECONDS < commands <= 2 * SECONDS


async def test_a_run_costs_at_most_eight_commands_a_heartbeat(harness: Harness) -> None:
    """With progress and a preview in each."""
    job = await harness.create()
    lease = harness.store.claim("lite", worker="w1", token="t")
    lease.heartbeat(Progress(iteration=1, total=BEATS))  # loads the script
    redis = connect(harness.jobs)
    before = count_commands(redis)
    for beat in range(BEATS):
        preview = Preview(blob=f"{job.id}/p", sequence=beat, iteration=beat, media_type="image/webp")
        lease.preview(preview)
        lease.heartbeat(Progress(iteration=beat, total=BEATS))
    assert BEATS < count_commands(redis) - before <= 8 * BEATS
    assert (await harness.read(job)).preview == preview
