"""Real workers on a machine with two devices, which are only said to be there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from jobs.connections import connect
from jobs.settings import JobSettings
from jobs.worker_registry import WorkerRegistry
from tests.waiting import until as until_within

pytestmark = pytest.mark.acceptance
until = partial(until_within, seconds=60)


@contextmanager
def worker(settings: JobSettings, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run a worker that sees two CUDA devices; what is left of it in the end is killed, which is quick."""
    told = {
        "NST_REDIS_URL": settings.redis_url,
        "NST_DATA_DIR": str(settings.data_dir),
        "NST_LEASE_SECONDS": "2",
        "NST_FAKE_DEVICES": "cuda:0 cuda:1",
        "NST_DEVICE": "auto",
    }
    command = [sys.executable, "-m", "tests.fakes.worker"]
    process = subprocess.Popen(
        command, env={**os.environ, **told, **environment}, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=20)


def devices(settings: JobSettings) -> dict[int, str]:
    """Return the device of each live worker by its process id."""
    roster = WorkerRegistry(connect(settings), settings)
    return {int(worker.id.split("-")[-2]): worker.device for worker in roster.live()}


def test_workers_take_different_devices_and_one_too_many_waits_for_a_dead_one(job_settings: JobSettings) -> None:
    with worker(job_settings) as first, worker(job_settings) as second:
        until(lambda: len(devices(job_settings)) == 2, "the workers did not come")
        assert set(devices(job_settings).values()) == {"cuda:0", "cuda:1"}
        with worker(job_settings) as third, worker(job_settings, NST_DEVICE_WAIT_SECONDS="0") as refused:
            assert refused.wait(30) == 1
            assert refused.stderr is not None and third.stderr is not None
            told = "every device is taken: cuda:0, cuda:1 (one worker per device, NST_PER_DEVICE)"
            assert refused.stderr.read() == f"nst worker: {told}\n"
            assert f"{told}; waiting" in third.stderr.readline()
            freed = devices(job_settings)[first.pid]
            os.killpg(first.pid, signal.SIGKILL)
            until(lambda: devices(job_settings).get(third.pid) == freed, "the third worker got no device")
            assert second.poll() is None


def test_a_worker_that_waits_for_a_device_ends_when_told(job_settings: JobSettings, tmp_path: Path) -> None:
    redis = connect(job_settings)
    for name in ("cuda:0", "cuda:1"):
        redis.set(f"nst:slot:serial-{name}:0", "another")
    with worker(job_settings) as process:
        assert process.stderr is not None
        assert "waiting" in process.stderr.readline()
        process.terminate()
        assert process.wait(10) == 0


def test_a_worker_whose_device_was_given_to_another_hands_it_over_and_ends(job_settings: JobSettings) -> None:
    with worker(job_settings) as process:
        until(lambda: devices(job_settings), "the worker did not come")
        connect(job_settings).set("nst:slot:serial-cuda:0:0", "another")
        assert process.wait(30) == 70
    assert connect(job_settings).get("nst:slot:serial-cuda:0:0") == "another"
