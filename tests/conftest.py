"""Fixtures for all tests: a real Redis server, started once and emptied between tests."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from jobs.settings import JobSettings
from tests.fakes.s3 import FakeS3, running_s3
from tests.stack.redis import running_redis

# Before torch is loaded: threads that spin while they wait slow a busy machine down ten times.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A shell starts background jobs with SIGINT ignored, and children inherit that; tests that send Ctrl-C would hang.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def redis_server_url() -> Iterator[str]:
    """Run one Redis server for the whole session."""
    # Not tmp_path: a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="nst-") as folder, running_redis(Path(folder)) as files:
        yield files.url


@pytest.fixture
def redis_url(redis_server_url: str) -> str:
    """Return the URL of an empty Redis."""
    with redis.Redis.from_url(redis_server_url) as client:
        client.flushall()
    return redis_server_url


@pytest.fixture
def job_settings(redis_url: str, tmp_path: Path) -> JobSettings:
    """Return the settings of an empty store, with short times."""
    return JobSettings(
        redis_url=redis_url,
        data_dir=tmp_path / "data",
        storage_min_free_bytes=0,
        lease_seconds=3.0,
        heartbeat_seconds=0.2,
        reaper_seconds=0.5,
    )


@pytest.fixture(scope="session")
def s3() -> Iterator[FakeS3]:
    """Run one S3 server for the whole session."""
    with running_s3() as server:
        yield server


@pytest.fixture
def anyio_backend() -> str:
    """Run asynchronous tests (`pytest.mark.anyio`) on asyncio."""
    return "asyncio"
