"""The health check of a worker's container."""

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
def roster(job_settings: JobSettings) -> WorkerRegistry:
    return WorkerRegistry(connect(job_settings), job_settings)


def info(host: str) -> WorkerInfo:
    return WorkerInfo(id=f"{host}-1", host=host, device="cpu", models=("lite",), priorities=tuple(Priority))


def test_a_worker_that_says_it_is_alive_is_well(roster: WorkerRegistry) -> None:
    roster.announce(info("here"))
    assert unhealthy_reason(roster, "here") is None


def test_another_machines_worker_does_not_count(roster: WorkerRegistry) -> None:
    roster.announce(info("there"))
    assert unhealthy_reason(roster, "here") == "no worker of here is alive"


def test_without_redis_it_says_so() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "worker.health"],
        env={**os.environ, "NST_REDIS_URL": "redis://127.0.0.1:1/0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "The job store is not available.\n")
