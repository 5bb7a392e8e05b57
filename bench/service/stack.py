"""The service under measurement: Redis, the API, workers and the bare endpoint, as processes of this machine."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bench.service.load import Connection, ask, get, post
from cli.local_service.redis_server import running_redis
from cli.local_service.stack import free_port
from jobs.connections import connect
from jobs.settings import JobSettings
from jobs.worker_registry import WorkerRegistry

PATIENCE = 120.0
ENDED = ("succeeded", "failed", "canceled")


@dataclass(kw_only=True)
class Stack:
    """A running service; `port` is the API's, `bare` that of the endpoint it is compared with."""

    settings: JobSettings
    port: int
    bare: int
    environment: dict[str, str]
    api: subprocess.Popen[bytes]
    bare_pid: int
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    async def start_worker(self) -> None:
        """Start one more worker and wait until it is there."""
        wanted = len(self.workers) + 1
        self.workers.append(_child("-m", "cli", "worker", environment=self.environment))
        roster = WorkerRegistry(connect(self.settings), self.settings)
        await _until(lambda: len(roster.live()) >= wanted)

    async def job(self, job_id: str) -> dict[str, Any]:
        """Return a job as the API shows it."""
        return dict(json.loads((await ask(self.port, get(f"/v1/jobs/{job_id}"))).body))

    async def until(self, job_id: str, *states: str) -> dict[str, Any]:
        """Return a job once it is in one of these states."""
        async with asyncio.timeout(PATIENCE):
            while (job := await self.job(job_id))["status"] not in states:
                await asyncio.sleep(0.02)
        return job

    async def cancel_all(self) -> None:
        """Cancel every job that has not ended, and wait until all have."""
        for status in ("queued", "running"):
            while jobs := json.loads((await ask(self.port, get(f"/v1/jobs?status={status}&limit=100"))).body)["jobs"]:
                for job in jobs:
                    await ask(self.port, post(job["urls"]["cancel"]))
                await asyncio.sleep(0.05)


@asynccontextmanager
async def running(**more: str) -> AsyncIterator[Stack]:
    """Run Redis, the API and the bare endpoint for as long as the block lasts; `more` are variables they are told."""
    # A socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="nst-") as folder, running_redis(Path(folder) / "redis") as redis:
        port, bare = free_port(), free_port()
        told = {
            "NST_REDIS_URL": redis.url,
            "NST_DATA_DIR": f"{folder}/data",
            "NST_PORT": str(port),
            "NST_MODELS": "lite",
            "NST_DEVICE": "cpu",
            "NST_LOG_LEVEL": "error",
            "NST_CREATES_PER_MINUTE": "1000000",
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("NST_")}
        environment = {**inherited, **told, **more}
        settings = JobSettings(redis_url=redis.url, data_dir=Path(folder) / "data")
        api = _child("-m", "cli", "api", environment=environment)
        endpoint = _child("-m", "bench.service.baseline_app", str(bare), environment=environment)
        servers = [api, endpoint]
        stack = Stack(settings=settings, port=port, bare=bare, environment=environment, api=api, bare_pid=endpoint.pid)
        try:
            await _until(lambda: _answers(port, "/readyz"))
            await _until(lambda: _answers(bare, "/bytes/1"))
            yield stack
        finally:
            for child in (*stack.workers, *servers):
                child.send_signal(signal.SIGTERM)
            for child in (*stack.workers, *servers):
                try:
                    child.wait(30)
                except subprocess.TimeoutExpired:
                    child.kill()


def processor_seconds(pid: int) -> float:
    """Return the seconds that a process has computed so far."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _child(*arguments: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, *arguments], env=environment, stdin=subprocess.DEVNULL)


async def _answers(port: int, path: str) -> bool:
    try:
        connection = await Connection.open(port)
    except OSError:
        return False
    try:
        return (await connection.ask(get(path))).status == 200
    finally:
        connection.close()


async def _until(is_so: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            found = is_so()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.1)
