"""The health check of a worker container."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from jobs.connections import connect
from jobs.model import WorkerInfo
from jobs.settings import JobSettings
from jobs.status import Priority
from jobs.worker_registry import WorkerRegistry
from worker.health import unhealthy_reason


@pytest.fixture
def registry(job_settings: JobSettings) -> WorkerRegistry:
    return WorkerRegistry(connect(job_settings), job_settings)


def info(host: str) -> WorkerInfo:
    return WorkerInfo(id=f"{host}-1", host=host, device="cpu", models=("lite",), priorities=tuple(Priority))


def test_a_host_with_a_live_worker_is_healthy(registry: WorkerRegistry) -> None:
    registry.announce(info("here"))
    assert unhealthy_reason(registry, "here") is None


def test_a_worker_of_another_host_does_not_count(registry: WorkerRegistry) -> None:
    registry.announce(info("there"))
    assert unhealthy_reason(registry, "here") == "no worker of here is alive"


def test_without_redis_the_check_fails_with_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "worker.health"],
        env={**os.environ, "NST_REDIS_URL": "redis://127.0.0.1:1/0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "The job store is not available.\n")
