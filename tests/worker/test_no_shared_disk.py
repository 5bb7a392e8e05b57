"""Two workers on what could be two machines: each in a folder of its own, with nothing but Redis and the storage."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from jobs.connections import connect_async
from jobs.model import Inputs, Job, NewJob, new_job_id
from jobs.queue import CeleryQueue, make_celery
from jobs.status import Status
from jobs.storage.blobs import owner_of
from jobs.storage.factory import open_blobs
from jobs.store.job_store import JobStore
from nst_engine.images.reading import read_picture
from tests.chaos.journal import read
from tests.fakes.engine import picture_bytes
from tests.fakes.s3 import FakeS3

pytestmark = [pytest.mark.acceptance, pytest.mark.anyio]
ROOT = Path(__file__).parents[2]


@contextmanager
def worker(redis_url: str, folder: Path, storage: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker that keeps all it has in its own folder."""
    folder.mkdir()
    told = {
        "NST_REDIS_URL": redis_url,
        "NST_DATA_DIR": "data",
        "NST_FAKE_JOURNAL": str(folder / "journal"),
        "NST_FAKE_STEP_SECONDS": "0.05",
        "NST_CHECKPOINT_SECONDS": "0.2",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "tests.fakes.worker"]
    process = subprocess.Popen(command, cwd=folder, env={**os.environ, **told, **storage}, start_new_session=True)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)


async def until(client: JobStore, job: Job, status: Status, *, progress: bool = False) -> Job:
    async with asyncio.timeout(60):
        while (now := await client.get(job.id, "ann")).status is not status or (progress and now.progress is None):
            await asyncio.sleep(0.05)
    return now


async def test_a_job_goes_on_at_another_machine_where_it_was_left(redis_url: str, tmp_path: Path, s3: FakeS3) -> None:
    bucket = s3.bucket()
    storage = s3.environment(bucket)
    settings = s3.settings(bucket).model_copy(update={"redis_url": redis_url, "data_dir": tmp_path / "api"})
    blobs = open_blobs(settings)
    client = JobStore(connect_async(settings), CeleryQueue(make_celery(settings)), settings)
    job_id = new_job_id()
    content = blobs.put(f"{job_id}/content", picture_bytes(), "image/png")
    style = blobs.put(f"{job_id}/style-0", picture_bytes((0, 0, 250)), "image/png")
    inputs = Inputs(content=content, styles=(style,))
    new = NewJob(id=job_id, owner="ann", model="lite", params={"steps": 60, "seed": 1}, inputs=inputs)
    one, two = tmp_path / "one", tmp_path / "two"
    with ExitStack() as workers:
        first = workers.enter_context(worker(redis_url, one, storage))
        job = await client.create(new)
        await until(client, job, Status.RUNNING, progress=True)
        workers.enter_context(worker(redis_url, two, storage))
        first.terminate()
        ended = await until(client, job, Status.SUCCEEDED)
    await client.aclose()
    assert ended.result is not None and ended.attempt == 1
    assert read(two / "journal")[0].iteration > 0, "the second worker began afresh"
    with blobs.open(ended.result.blob) as file:
        assert read_picture(file).size == (32, 24)
    kept = {info.name.partition("/")[2].partition("-")[0] for info in blobs.list() if owner_of(info.name) == job.id}
    assert kept == {"content", "style", "preview", "result"}
    assert {path.name for path in (*one.rglob("*"), *two.rglob("*"))} == {"journal"}
