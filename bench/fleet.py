"""The real service as benchmarks start it: a Redis of its own, one API, any number of workers, each a process."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import redis
from PIL import Image

from cli.redis_server import RedisFiles, running_redis
from cli.stack import free_port
from nst_engine.paintings import paint

PATIENCE = 300.0
LOOK_SECONDS = 1.0
FINISHED = ("succeeded", "failed", "canceled")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What Redis and the API had done at a moment."""

    at: float
    commands: float
    redis_bytes: float
    redis_seconds: float
    api_seconds: float

    def since(self, before: Reading) -> Reading:
        """Return what was done between two readings."""
        return Reading(**{name: getattr(self, name) - getattr(before, name) for name in Reading.__dataclass_fields__})


@dataclass
class Fleet:
    """A running service."""

    folder: Path
    files: RedisFiles
    environment: dict[str, str]
    port: int
    api: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    looks: int = 0

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=60)
        self.redis: Any = redis.Redis.from_url(self.files.url, protocol=2)

    def scale(self, count: int) -> None:
        """Start workers until there are so many, and wait until all are there."""
        while len(self.workers) < count:
            self.workers.append(_start(self, "worker", "--device", "cpu"))
        self._until(lambda: self.redis.zcard("nst:workers") >= count, "the workers did not come")

    def end_worker(self) -> None:
        """End the latest worker."""
        worker = self.workers.pop()
        worker.send_signal(signal.SIGTERM)
        worker.wait(60)

    def clients(self) -> int:
        """Count the connections to Redis."""
        return int(self.redis.info("clients")["connected_clients"])

    def read(self) -> Reading:
        """Read what was done so far."""
        stats, cpu = self.redis.info("commandstats"), self.redis.info("cpu")
        net = self.redis.info("stats")
        api = psutil.Process(self.api.pid).cpu_times()
        return Reading(
            at=time.monotonic(),
            commands=sum(stat["calls"] for stat in stats.values()),
            redis_bytes=net["total_net_input_bytes"] + net["total_net_output_bytes"],
            redis_seconds=cpu["used_cpu_user_main_thread"] + cpu["used_cpu_sys_main_thread"],
            api_seconds=api.user + api.system + self._decoding(),
        )

    def create(self, *, size: int, steps: int) -> str:
        """Create a job with a photo and a painting of so many pixels, and return where it is."""
        files = {"content": _picture("waves", size), "style": _picture("mosaic", size)}
        answer = self.http.post("/v1/jobs", files=files, data={"max_size": str(size), "steps": str(steps)})
        return str(answer.raise_for_status().json()["urls"]["self"])

    def finish(self, jobs: list[str]) -> list[dict[str, Any]]:
        """Look at jobs every second until they have ended, fetch the results, and return the jobs."""
        done: dict[str, dict[str, Any]] = {}
        deadline = time.monotonic() + PATIENCE
        while len(done) < len(jobs):
            if time.monotonic() > deadline:
                raise RuntimeError("the jobs did not end")
            time.sleep(LOOK_SECONDS)
            for job in (job for job in jobs if job not in done):
                told = self.http.get(job).json()
                self.looks += 1
                if told["status"] in FINISHED:
                    done[job] = told
        for told in done.values():
            self.http.get(told["urls"]["result"]).raise_for_status()
        return list(done.values())

    def _decoding(self) -> float:
        """Count the CPU seconds of the API's decoding processes, which live as long as it does."""
        times = [child.cpu_times() for child in psutil.Process(self.api.pid).children()]
        return float(sum(used.user + used.system for used in times))

    def _until(self, is_so: Any, otherwise: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not is_so():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{otherwise}; see {self.folder}")
            time.sleep(0.2)

    def until_ready(self) -> None:
        """Wait for the API."""

        def ready() -> bool:
            try:
                return self.http.get("/readyz").status_code == httpx.codes.OK
            except httpx.TransportError:
                return False

        self._until(ready, "the API did not become ready")

    def stop(self) -> None:
        """End every process."""
        for process in (*self.workers, self.api):
            process.send_signal(signal.SIGTERM)
        for process in (*self.workers, self.api):
            process.wait(60)


@contextmanager
def fleet(**settings: str) -> Iterator[Fleet]:
    """Run Redis and an API; workers are started by `scale`."""
    with tempfile.TemporaryDirectory(prefix="nst-") as name, running_redis(Path(name) / "redis") as files:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("NST_")}
        told = {
            "NST_REDIS_URL": files.url,
            "NST_DATA_DIR": f"{name}/data",
            "NST_CREATES_PER_MINUTE": "100000",
            "NST_WORKER_THREADS": "1",
            "NST_WORKER_NICE": "0",
            "OMP_NUM_THREADS": "1",
        }
        environment, port = {**inherited, **told, **settings}, free_port()
        api = _launch(environment, Path(name), "api", "--port", str(port))
        running = Fleet(Path(name), files, environment, port, api)
        try:
            running.until_ready()
            yield running
        finally:
            running.stop()


def _start(running: Fleet, *command: str) -> subprocess.Popen[bytes]:
    return _launch(running.environment, running.folder, *command)


def _launch(environment: dict[str, str], folder: Path, *command: str) -> subprocess.Popen[bytes]:
    with (folder / "log").open("ab") as log:
        return subprocess.Popen([sys.executable, "-m", "cli", *command], env=environment, stdout=log, stderr=log)


def _picture(style: str, size: int) -> bytes:
    file = io.BytesIO()
    paint(style, size).convert("RGB").resize((size, size * 3 // 4), Image.Resampling.LANCZOS).save(file, "JPEG")
    return file.getvalue()
