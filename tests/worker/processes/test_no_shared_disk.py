"""Two workers as if on two machines: each in a folder of its own, sharing only Redis and the storage."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path

import pytest

from jobs.connections import connect_async
from jobs.model import Job
from jobs.queue import CeleryQueue, make_celery
from jobs.settings import JobSettings
from jobs.status import Status
from jobs.storage.blobs import owner_of
from jobs.storage.factory import open_blobs
from jobs.store.job_store import JobStore
from nst_engine.images.reading import read_picture
from tests.chaos.journal import read
from tests.fakes.jobs import new_job
from tests.fakes.s3 import FakeS3
from tests.stack.process import Process
from tests.worker.processes.workers import worker_process

pytestmark = [pytest.mark.acceptance, pytest.mark.anyio]


def worker(settings: JobSettings, folder: Path, storage: dict[str, str]) -> Process:
    """Return a worker that keeps everything it has in its own folder."""
    return worker_process(
        settings.model_copy(update={"data_dir": folder / "data"}),
        folder / "log",
        NST_FAKE_JOURNAL=str(folder / "journal"),
        NST_FAKE_STEP_SECONDS="0.05",
        NST_CHECKPOINT_SECONDS="0.2",
        **storage,
    )


async def until(client: JobStore, job: Job, status: Status, *, progress: bool = False) -> Job:
    async with asyncio.timeout(60):
        while (now := await client.get(job.id, "ann")).status is not status or (progress and now.progress is None):
            await asyncio.sleep(0.05)
    return now


async def test_another_machine_continues_a_job_from_its_checkpoint(redis_url: str, tmp_path: Path, s3: FakeS3) -> None:
    bucket = s3.bucket()
    storage = s3.environment(bucket)
    settings = s3.settings(bucket).model_copy(update={"redis_url": redis_url, "data_dir": tmp_path / "api"})
    blobs = open_blobs(settings)
    client = JobStore(connect_async(settings), CeleryQueue(make_celery(settings)), settings)
    one, two = tmp_path / "one", tmp_path / "two"
    with ExitStack() as workers:
        first = workers.enter_context(worker(settings, one, storage))
        job = await client.create(new_job(blobs, params={"steps": 60, "seed": 1}))
        await until(client, job, Status.RUNNING, progress=True)
        workers.enter_context(worker(settings, two, storage))
        first.stop()
        ended = await until(client, job, Status.SUCCEEDED)
    await client.aclose()
    assert ended.result is not None and ended.attempt == 1
    assert read(two / "journal")[0].iteration > 0, "the second worker started from the beginning"
    with blobs.open(ended.result.blob) as file:
        assert read_picture(file).size == (32, 24)
    kept = {info.name.partition("/")[2].partition("-")[0] for info in blobs.list() if owner_of(info.name) == job.id}
    assert kept == {"content", "style", "preview", "result"}
    assert {path.name for path in (*one.rglob("*"), *two.rglob("*"))} == {"journal", "log"}
