"""Real workers on a machine that pretends to have two CUDA devices."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.connections import connect
from jobs.settings import JobSettings
from jobs.worker_registry import WorkerRegistry
from tests.stack.process import Process
from tests.waiting import until
from tests.worker.processes.workers import refusal, worker_process

pytestmark = pytest.mark.acceptance


@pytest.fixture
def make_worker(job_settings: JobSettings, tmp_path: Path) -> Callable[..., Process]:
    numbers = itertools.count()

    def make(**environment: str) -> Process:
        log = tmp_path / f"worker-{next(numbers)}.log"
        devices = {"NST_FAKE_DEVICES": "cuda:0 cuda:1", "NST_DEVICE": "auto"}
        return worker_process(job_settings, log, **devices, **environment)

    return make


def devices(settings: JobSettings) -> dict[int, str]:
    """Return the device of each live worker by its process id."""
    live = WorkerRegistry(connect(settings), settings).live()
    return {int(worker.id.split("-")[-2]): worker.device for worker in live}


def test_workers_take_different_devices_and_one_too_many_waits_for_a_dead_one(
    job_settings: JobSettings, make_worker: Callable[..., Process]
) -> None:
    with make_worker() as first, make_worker() as second:
        until(lambda: len(devices(job_settings)) == 2, "the workers did not start")
        assert set(devices(job_settings).values()) == {"cuda:0", "cuda:1"}
        reason = "every device is taken: cuda:0, cuda:1 (one worker per device, NST_PER_DEVICE)"
        assert refusal(make_worker(NST_DEVICE_WAIT_SECONDS="0")) == (1, [f"nst worker: {reason}"])
        with make_worker() as third:
            until(lambda: f"{reason}; waiting" in third.log.read_text(), "the third worker does not wait")
            freed = devices(job_settings)[first.pid]
            first.kill()
            until(lambda: devices(job_settings).get(third.pid) == freed, "the third worker got no device")
            assert second.is_running


def test_a_worker_that_waits_for_a_device_ends_when_told(
    job_settings: JobSettings, make_worker: Callable[..., Process]
) -> None:
    redis = connect(job_settings)
    for name in ("cuda:0", "cuda:1"):
        redis.set(f"nst:slot:serial-{name}:0", "another")
    with make_worker() as process:
        until(lambda: "waiting" in process.log.read_text(), "the worker does not wait")
        assert process.stop(10) == 0


def test_a_worker_that_lost_its_device_to_another_ends(
    job_settings: JobSettings, make_worker: Callable[..., Process]
) -> None:
    with make_worker() as process:
        until(lambda: devices(job_settings), "the worker did not start")
        connect(job_settings).set("nst:slot:serial-cuda:0:0", "another")
        assert process.wait(30) == 70
    assert connect(job_settings).get("nst:slot:serial-cuda:0:0") == "another"
