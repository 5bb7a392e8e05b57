"""Real workers with the real engine, on machines whose GPU is made up (tests/fakes/gpu.py)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from jobs.connections import connect, connect_async
from jobs.model import Job
from jobs.queue import CeleryQueue, make_celery
from jobs.settings import JobSettings
from jobs.status import Status
from jobs.storage.factory import open_blobs
from jobs.store.job_store import JobStore
from jobs.worker_registry import WorkerRegistry
from tests.fakes.gpu import EMULATED, OLD_DRIVER
from tests.fakes.jobs import new_job
from tests.stack.process import ONE_THREAD, Process
from tests.waiting import until
from tests.worker.processes.workers import refusal, worker_process

pytestmark = [pytest.mark.acceptance, pytest.mark.anyio]
MODEL = "lite-small"
REASON = "CUDA cannot be used: The NVIDIA driver on your system is too old (found version 12040)."


@dataclass
class Client:
    """Creates jobs and waits for their end; makes workers that are not yet started."""

    settings: JobSettings
    store: JobStore
    log: Path

    def worker(self, gpu: str, device: str) -> Process:
        environment = {"NST_FAKE_GPU": gpu, "NST_DEVICE": device, "NST_MODELS": MODEL, **ONE_THREAD}
        return worker_process(self.settings, self.log, **environment)

    async def create(self, size: tuple[int, int] = (48, 40)) -> Job:
        params = {"model": MODEL, "steps": 2, "max_size": max(size), "scales": 1}
        return await self.store.create(new_job(open_blobs(self.settings), size=size, model=MODEL, params=params))

    async def end_of(self, job: Job) -> Job:
        with anyio.fail_after(60):
            while not (now := await self.store.get(job.id, "ann")).status.is_terminal:
                await anyio.sleep(0.05)
        return now


@pytest.fixture
async def client(job_settings: JobSettings, tmp_path: Path) -> AsyncIterator[Client]:
    store = JobStore(connect_async(job_settings), CeleryQueue(make_celery(job_settings)), job_settings)
    yield Client(job_settings, store, tmp_path / "log")
    await store.aclose()


def device_of_worker(settings: JobSettings) -> str:
    (worker,) = until(WorkerRegistry(connect(settings), settings).live, "the worker did not start")
    return worker.device


async def test_auto_warns_of_too_old_a_driver_and_paints_on_the_cpu(client: Client) -> None:
    job = await client.create()
    with client.worker(OLD_DRIVER, "auto") as process:
        assert (await client.end_of(job)).status is Status.SUCCEEDED
        assert device_of_worker(client.settings) == "cpu"
    lines = process.log.read_text().splitlines()
    assert len([line for line in lines if REASON in line]) == 1
    assert lines.count("CUDA was asked") == 1


async def test_a_worker_for_cuda_with_too_old_a_driver_ends_with_one_line_and_takes_nothing(client: Client) -> None:
    job = await client.create()
    code, lines = refusal(client.worker(OLD_DRIVER, "cuda"))
    assert (code, lines) == (2, ["CUDA was asked", f"nst worker: NST_DEVICE: {REASON}"])
    now = await client.store.get(job.id, "ann")
    assert (now.status, now.attempt) == (Status.QUEUED, 0)


async def test_a_worker_for_the_cpu_does_not_ask_cuda(client: Client) -> None:
    with client.worker(OLD_DRIVER, "cpu") as process:
        assert device_of_worker(client.settings) == "cpu"
    assert "CUDA" not in process.log.read_text()


async def test_memory_that_a_warm_process_keeps_is_free_and_a_job_that_the_host_cannot_hold_fails(
    client: Client,
) -> None:
    small, same = await client.create(), await client.create()
    large, after = await client.create((1200, 1200)), await client.create()
    with client.worker(EMULATED, "cuda"):
        ended = [await client.end_of(job) for job in (small, same, after)]
        refused = (await client.end_of(large)).failure
        assert device_of_worker(client.settings) == "cuda:0"
    assert [job.failure for job in ended] == [None] * 3
    assert len({job.result.sha256 for job in ended if job.result is not None}) == 1
    assert refused is not None
    assert refused.code == "out_of_memory"
    needed = "1200 x 1200 px needs about 0.1 GiB of the host's memory, 0.1 GiB are free: max_size=1158 would fit"
    assert refused.message == needed
