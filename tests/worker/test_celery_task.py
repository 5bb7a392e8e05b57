"""A real worker: Celery, a forked child, signals; only the engine is a fake."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from jobs.connections import connect, connect_async
from jobs.model import Inputs, Job, NewJob, new_job_id
from jobs.queue import CeleryQueue, make_celery
from jobs.settings import JobSettings
from jobs.status import Status
from jobs.storage.blobs import Blobs
from jobs.storage.factory import open_blobs
from jobs.store.job_store import JobStore
from jobs.worker_registry import WorkerRegistry
from tests.chaos.journal import read
from tests.fakes.engine import POISON, TOO_BIG_FOR_NOW, picture_bytes
from tests.stack.redis import running_redis

pytestmark = [pytest.mark.acceptance, pytest.mark.anyio]
PATIENCE = 60.0


@dataclass
class Site:
    """A worker process and what it needs."""

    settings: JobSettings
    journal: Path
    client: JobStore
    registry: WorkerRegistry
    blobs: Blobs
    process: subprocess.Popen[bytes]

    async def create(self, *, seed: int = 0, steps: int = 10, model: str = "lite") -> Job:
        job_id = new_job_id()
        content = self.blobs.put(f"{job_id}/content", picture_bytes(), "image/png")
        style = self.blobs.put(f"{job_id}/style-0", picture_bytes((0, 0, 250)), "image/png")
        inputs = Inputs(content=content, styles=(style,))
        return await self.client.create(
            NewJob(id=job_id, owner="ann", model=model, params={"steps": steps, "seed": seed}, inputs=inputs)
        )

    async def until(self, job: Job, is_so: Callable[[Job], bool]) -> Job:
        async with asyncio.timeout(PATIENCE):
            while not is_so(now := await self.client.get(job.id, "ann")):
                await asyncio.sleep(0.05)
        return now

    async def end_of(self, job: Job) -> Job:
        return await self.until(job, lambda now: now.status.is_terminal)


def start_worker(settings: JobSettings, journal: Path, models: str = "lite") -> subprocess.Popen[bytes]:
    told = {
        "NST_REDIS_URL": settings.redis_url,
        "NST_DATA_DIR": str(settings.data_dir),
        "NST_STORAGE_MIN_FREE_BYTES": "0",
        "NST_LEASE_SECONDS": "2",
        "NST_HEARTBEAT_SECONDS": "0.2",
        "NST_REAPER_SECONDS": "0.3",
        "NST_FAKE_JOURNAL": str(journal),
        "NST_MODELS": models,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.worker"], env={**os.environ, **told}, start_new_session=True
    )


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[JobSettings, Path, subprocess.Popen[bytes]]]:
    """Run one worker for all tests of this module; its start is what takes long."""
    with tempfile.TemporaryDirectory(prefix="nst-") as name, running_redis(Path(name) / "redis") as files:
        settings = JobSettings(redis_url=files.url, data_dir=Path(name) / "data", storage_min_free_bytes=0)
        journal = Path(name) / "journal"
        process = start_worker(settings, journal)
        yield settings, journal, process
        process.terminate()
        process.wait(20)


@pytest.fixture
async def site(running: tuple[JobSettings, Path, subprocess.Popen[bytes]]) -> AsyncIterator[Site]:
    settings, journal, process = running
    client = JobStore(connect_async(settings), CeleryQueue(make_celery(settings)), settings)
    registry = WorkerRegistry(connect(settings), settings)
    yield Site(settings, journal, client, registry, open_blobs(settings), process)
    await client.aclose()


def pids(site: Site, seed: int) -> list[int]:
    """Return the processes that tried a job, in order."""
    return [line.pid for line in read(site.journal) if line.seed == seed and line.what == "begin"]


async def test_a_message_makes_a_worker_run_a_job(site: Site) -> None:
    ended = await site.end_of(await site.create(seed=1))
    assert (ended.status, ended.attempt) == (Status.SUCCEEDED, 1)


async def test_the_worker_announces_itself(site: Site) -> None:
    (worker,) = site.registry.live()
    assert (worker.device, worker.models) == ("cpu", ("lite",))
    assert f"-{site.process.pid}-" in worker.id


async def test_a_job_that_kills_its_worker_fails_after_three_attempts_and_others_go_on(site: Site) -> None:
    poison = await site.create(seed=POISON)
    others = [await site.create(seed=seed) for seed in (2, 3, 4)]
    ended = await site.end_of(poison)
    assert ended.failure is not None
    assert (ended.failure.code, ended.attempt) == ("worker_lost", 3)
    assert len(set(pids(site, POISON))) == 3
    assert [(await site.end_of(job)).status for job in others] == [Status.SUCCEEDED] * 3


async def test_out_of_memory_is_tried_again_in_a_fresh_process(site: Site) -> None:
    ended = await site.end_of(await site.create(seed=TOO_BIG_FOR_NOW))
    assert (ended.status, ended.memory_saving) == (Status.SUCCEEDED, True)
    first, second = pids(site, TOO_BIG_FOR_NOW)
    assert first != second


async def test_a_cancel_takes_effect_within_two_seconds(site: Site) -> None:
    job = await site.create(seed=5, steps=10_000)
    await site.until(job, lambda now: now.progress is not None)
    asked = time.monotonic()
    await site.client.cancel(job.id, "ann")
    assert (await site.end_of(job)).status is Status.CANCELED
    assert time.monotonic() - asked < 2


async def test_a_stopped_worker_that_comes_back_publishes_nothing(site: Site) -> None:
    job = await site.create(seed=6, steps=60)
    await site.until(job, lambda now: now.progress is not None)
    os.killpg(site.process.pid, signal.SIGSTOP)
    other = start_worker(site.settings, site.journal)
    try:
        ended = await site.end_of(job)
    finally:
        other.terminate()
        other.wait(20)
        os.killpg(site.process.pid, signal.SIGCONT)
    after = await site.create(seed=7)  # the old worker has noticed when it takes this one
    await site.end_of(after)
    now = await site.client.get(job.id, "ann")
    assert (now.status, now.version, now.result) == (Status.SUCCEEDED, ended.version, ended.result)
    results = [info.name for info in site.blobs.list() if info.name.startswith(f"{job.id}/result")]
    assert ended.result is not None
    assert results == [ended.result.blob]


async def test_a_child_whose_parent_is_killed_hands_its_job_back_and_ends(site: Site) -> None:
    alone = start_worker(site.settings, site.journal, models="vgg19")
    job = await site.create(seed=9, steps=10_000, model="vgg19")
    await site.until(job, lambda now: now.progress is not None)
    (child,) = pids(site, 9)
    alone.kill()
    alone.wait()
    assert (await site.until(job, lambda now: now.status is Status.QUEUED)).attempt == 0
    async with asyncio.timeout(PATIENCE):
        while Path(f"/proc/{child}").exists():
            await asyncio.sleep(0.05)


async def test_sigterm_hands_the_job_back_uncounted_with_its_state(site: Site) -> None:
    """The last test of the module: the worker ends here."""
    job = await site.create(seed=8, steps=5_000)
    await site.until(job, lambda now: now.progress is not None)
    site.process.terminate()
    assert site.process.wait(20) == 0
    back = await site.client.get(job.id, "ann")
    assert (back.status, back.attempt) == (Status.QUEUED, 0)
    assert any("/checkpoint-" in info.name for info in site.blobs.list())
    assert site.registry.live() == ()


def refused(**told: str) -> subprocess.CompletedProcess[str]:
    """Run a worker that is to end at once."""
    command = [sys.executable, "-m", "tests.fakes.worker"]
    return subprocess.run(command, env={**os.environ, **told}, capture_output=True, text=True, timeout=60, check=False)


def test_a_worker_without_storage_ends_with_one_line(redis_url: str) -> None:
    ended = refused(NST_STORAGE="ftp://there", NST_REDIS_URL=redis_url)
    assert ended.returncode == 2
    reason = "NST_STORAGE=ftp://there is none of disk, file://, redis:// and s3://"
    assert ended.stderr.splitlines() == [f"nst worker: The picture storage is not available: {reason}."]


def test_a_worker_whose_device_is_not_there_ends_with_one_line(redis_url: str) -> None:
    ended = refused(NST_DEVICE="cuda:99", NST_REDIS_URL=redis_url)
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == ["nst worker: NST_DEVICE: this machine has no device cuda:99, it has cpu"]


def test_a_worker_with_a_wrong_password_ends_with_one_line(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url, protocol=2)
    client.config_set("requirepass", "secret")
    try:
        ended = refused(NST_REDIS_URL=redis_url)
    finally:
        client.execute_command("AUTH", "secret")
        client.config_set("requirepass", "")
    assert ended.returncode == 2
    assert ended.stderr.startswith("nst worker: Redis refuses the user or password of NST_REDIS_URL")
    assert len(ended.stderr.splitlines()) == 1
