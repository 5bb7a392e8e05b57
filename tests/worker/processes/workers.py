"""Real worker processes with the fake engine."""

from __future__ import annotations

from pathlib import Path

from jobs.settings import JobSettings
from tests.stack.process import Process, clean_environment
from tests.stack.stack import FAKE_WORKER


def worker_process(settings: JobSettings, log: Path, **environment: str) -> Process:
    """Return a worker, not yet started; `environment` overrides its settings."""
    defaults = {
        "NST_REDIS_URL": settings.redis_url,
        "NST_DATA_DIR": str(settings.data_dir),
        "NST_STORAGE_MIN_FREE_BYTES": "0",
        "NST_LEASE_SECONDS": "2",
        "NST_HEARTBEAT_SECONDS": "0.2",
        "NST_REAPER_SECONDS": "0.3",
    }
    return Process("worker", FAKE_WORKER, environment={**clean_environment(), **defaults, **environment}, log=log)


def refusal(process: Process) -> tuple[int, list[str]]:
    """Run a worker that has to end at once, and return its exit code and the lines of its log."""
    with process:
        code = process.wait(60)
    return code, process.log.read_text().splitlines()
