"""The API as a process of its own, with a real Redis and, if wanted, a worker whose engine is a fake."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from cli.local_service.redis_server import running_redis
from jobs.api_keys import ApiKeys
from jobs.connections import connect_async
from jobs.settings import JobSettings


@dataclass
class Service:
    """A running API process."""

    url: str
    process: subprocess.Popen[bytes]
    settings: JobSettings
    log: Path

    def resident(self) -> int:
        """Return the resident memory of the API and its children in bytes, each shared page counted once."""
        main = psutil.Process(self.process.pid)
        total = 0
        for process in (main, *main.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                memory = process.memory_full_info()
                total += memory.pss
        return total

    def make_key(self, name: str = "ann", *, operator: bool = False) -> str:
        """Make an API key and return its secret."""

        async def make() -> str:
            redis = connect_async(self.settings)
            try:
                return (await ApiKeys(redis).create(name, operator=operator))[1]
            finally:
                await redis.aclose()

        return asyncio.run(make())

    def owner_of(self, secret: str) -> str:
        """Return the id of a key."""

        async def find() -> str:
            redis = connect_async(self.settings)
            try:
                key = await ApiKeys(redis).find(secret)
                assert key is not None
                return key.id
            finally:
                await redis.aclose()

        return asyncio.run(find())

    def stored(self) -> list[Path]:
        """Name every file that the service keeps."""
        return [path for path in self.settings.data_dir.rglob("*") if path.is_file()]


def free_port() -> int:
    """Return a port that nobody listens to."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def running_service(folder: Path, *, worker: bool = False, **settings: object) -> Iterator[Service]:
    """Run Redis, the API and perhaps a fake worker until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        files = stack.enter_context(running_redis(folder / "r"))
        port = free_port()
        given = {"redis_url": files.url, "data_dir": folder / "data", "host": "127.0.0.1", "port": port, **settings}
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("NST_")},
            **{f"NST_{name.upper()}": str(value) for name, value in given.items()},
        }
        log = folder / "api.log"
        process = stack.enter_context(_child("api.main", environment, log))
        if worker:
            stack.enter_context(_child("tests.fakes.worker", environment, folder / "worker.log"))
        url = f"http://127.0.0.1:{port}"
        _wait(url, process, log)
        values = {name: value for name, value in given.items() if name in JobSettings.model_fields}
        yield Service(url, process, JobSettings(**values), log)


@contextlib.contextmanager
def _child(module: str, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-m", module], env=environment, stdout=file, stderr=file)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/readyz", timeout=2).status_code == 200:
                return
        time.sleep(0.05)  # real processes: there is no clock to inject
    raise RuntimeError(f"the API did not start: {log.read_text()[-2000:]}")
