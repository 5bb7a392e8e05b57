"""A real worker with Celery, a forked child and signals; only the engine is a fake."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from jobs.connections import connect, connect_async
from jobs.model import Job
from jobs.queue import CeleryQueue, make_celery
from jobs.settings import JobSettings
from jobs.status import Status
from jobs.storage.blobs import Blobs
from jobs.storage.factory import open_blobs
from jobs.store.job_store import JobStore
from jobs.worker_registry import WorkerRegistry
from tests.chaos.journal import read
from tests.fakes.engine import BREAKS_DEVICE, POISON, TOO_BIG_FOR_NOW
from tests.fakes.jobs import new_job
from tests.stack.process import Process
from tests.stack.redis import running_redis
from tests.waiting import until
from tests.worker.processes.workers import refusal, worker_process

pytestmark = [pytest.mark.acceptance, pytest.mark.anyio]
MAX_SECONDS = 60.0


@dataclass
class Site:
    """A worker process and what it needs."""

    settings: JobSettings
    journal: Path
    client: JobStore
    registry: WorkerRegistry
    blobs: Blobs
    process: Process

    async def create(self, *, seed: int = 0, steps: int = 10, model: str = "lite") -> Job:
        params = {"steps": steps, "seed": seed}
        return await self.client.create(new_job(self.blobs, model=model, params=params))

    async def until(self, job: Job, condition: Callable[[Job], bool]) -> Job:
        async with asyncio.timeout(MAX_SECONDS):
            while not condition(now := await self.client.get(job.id, "ann")):
                await asyncio.sleep(0.05)
        return now

    async def end_of(self, job: Job) -> Job:
        return await self.until(job, lambda now: now.status.is_terminal)

    def worker(self, model: str) -> Process:
        """Return another worker, not yet started, that writes into the same journal."""
        log = self.journal.with_name(f"{model}.log")
        return worker_process(self.settings, log, NST_FAKE_JOURNAL=str(self.journal), NST_MODELS=model)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[JobSettings, Path, Process]]:
    """Run one worker for the tests of this module, because its start takes long."""
    with tempfile.TemporaryDirectory(prefix="nst-") as name, running_redis(Path(name) / "redis") as files:
        settings = JobSettings(redis_url=files.url, data_dir=Path(name) / "data", storage_min_free_bytes=0)
        journal = Path(name) / "journal"
        with worker_process(settings, Path(name) / "log", NST_FAKE_JOURNAL=str(journal)) as process:
            yield settings, journal, process


@pytest.fixture
async def site(running: tuple[JobSettings, Path, Process]) -> AsyncIterator[Site]:
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
    (worker,) = until(site.registry.live, "the worker did not start")
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


async def test_a_job_that_breaks_the_device_fails_after_three_attempts_and_others_go_on(site: Site) -> None:
    ended = await site.end_of(await site.create(seed=BREAKS_DEVICE))
    assert ended.failure is not None
    assert (ended.failure.code, ended.attempt) == ("worker_lost", 3)
    assert len(set(pids(site, BREAKS_DEVICE))) == 3, "a process went on with a device that had failed"
    assert (await site.end_of(await site.create(seed=11))).status is Status.SUCCEEDED


async def test_a_worker_whose_device_stays_broken_ends_and_its_job_waits_for_another(
    job_settings: JobSettings, tmp_path: Path
) -> None:
    queue, broken = CeleryQueue(make_celery(job_settings)), tmp_path / "broken"
    client = JobStore(connect_async(job_settings), queue, job_settings)
    job = await client.create(new_job(open_blobs(job_settings), params={"steps": 5, "seed": BREAKS_DEVICE}))
    with worker_process(job_settings, tmp_path / "log", NST_FAKE_BROKEN_DEVICE=str(broken)) as process:
        assert process.wait(60) == 70
        assert "the worker takes no jobs and ends: the fake device cannot compute" in process.log.read_text()
    back = await client.get(job.id, "ann")
    assert (back.status, back.attempt) == (Status.QUEUED, 1)
    assert WorkerRegistry(connect(job_settings), job_settings).live() == ()
    await client.aclose()


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
    site.process.send(signal.SIGSTOP)
    try:
        with site.worker("lite"):
            ended = await site.end_of(job)
    finally:
        site.process.send(signal.SIGCONT)
    after = await site.create(seed=7)  # the old worker has noticed when it takes this one
    await site.end_of(after)
    now = await site.client.get(job.id, "ann")
    assert (now.status, now.version, now.result) == (Status.SUCCEEDED, ended.version, ended.result)
    results = [info.name for info in site.blobs.list() if info.name.startswith(f"{job.id}/result")]
    assert ended.result is not None
    assert results == [ended.result.blob]


async def test_a_child_whose_parent_is_killed_hands_its_job_back_and_ends(site: Site) -> None:
    with site.worker("vgg19") as process:
        job = await site.create(seed=9, steps=10_000, model="vgg19")
        await site.until(job, lambda now: now.progress is not None)
        (child,) = pids(site, 9)
        os.kill(process.pid, signal.SIGKILL)
        assert (await site.until(job, lambda now: now.status is Status.QUEUED)).attempt == 0
        until(lambda: not Path(f"/proc/{child}").exists(), "the child lives on")


async def test_sigterm_hands_the_job_back_uncounted_with_its_state(site: Site) -> None:
    with site.worker("vgg16") as process:
        job = await site.create(seed=8, steps=5_000, model="vgg16")
        await site.until(job, lambda now: now.progress is not None)
        assert process.stop() == 0
    back = await site.client.get(job.id, "ann")
    assert (back.status, back.attempt) == (Status.QUEUED, 0)
    assert any(info.name.startswith(f"{job.id}/checkpoint-") for info in site.blobs.list())
    assert f"-{process.pid}-" not in " ".join(worker.id for worker in site.registry.live())


def test_a_worker_without_storage_ends_with_one_line(job_settings: JobSettings, tmp_path: Path) -> None:
    reason = "NST_STORAGE must be disk, file://, redis:// or s3://, not ftp://there"
    refused = refusal(worker_process(job_settings, tmp_path / "log", NST_STORAGE="ftp://there"))
    assert refused == (2, [f"nst worker: The picture storage is not available: {reason}."])


def test_a_worker_whose_device_is_not_there_ends_with_one_line(job_settings: JobSettings, tmp_path: Path) -> None:
    refused = refusal(worker_process(job_settings, tmp_path / "log", NST_DEVICE="cuda:99"))
    assert refused == (2, ["nst worker: NST_DEVICE: this machine has no device cuda:99, it has cpu"])


def test_a_worker_with_a_wrong_password_ends_with_one_line(job_settings: JobSettings, tmp_path: Path) -> None:
    client = redis.Redis.from_url(job_settings.redis_url, protocol=2)
    client.config_set("requirepass", "secret")
    try:
        code, lines = refusal(worker_process(job_settings, tmp_path / "log"))
    finally:
        client.execute_command("AUTH", "secret")
        client.config_set("requirepass", "")
    assert (code, len(lines)) == (2, 1)
    assert lines[0].startswith("nst worker: Redis refuses the user or password of NST_REDIS_URL")
