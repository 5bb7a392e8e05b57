"""The processes of one whole system: Redis, the API, two workers; each can be killed and started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from cli.local_service.redis_server import RedisFiles, start_redis, stop_redis
from jobs.settings import JobSettings
from tests.chaos.proxy import Relay

Command = tuple[str, ...]
API: Command = (sys.executable, "-m", "api.main")
WORKER: Command = (sys.executable, "-m", "tests.fakes.worker")
QUOTA = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast everything goes; the defaults are the service's own, the short run is quicker."""

    lease: float = 30.0
    reaper: float = 5.0
    checkpoint: float = 10.0
    step: float = 0.05
    upload_timeout: float = 20.0
    cut: float = 20.0
    longest_steps: int = 500
    cancels: int = 3

    @classmethod
    def quick(cls) -> Pace:
        """Return the pace of the short run."""
        return cls(lease=3, reaper=0.5, checkpoint=1, step=0.02, upload_timeout=6, cut=3, longest_steps=150, cancels=1)


@dataclass
class Child:
    """One process with a group of its own."""

    name: str
    command: Command
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    pids: list[int] = field(default_factory=list)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        self.pids.append(self.process.pid)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """Kill the whole group and take note of the end."""
        self.signal_group(signal.SIGKILL)
        assert self.process is not None
        self.process.wait()

    def stop(self, patience: float = 30.0) -> int:
        """Ask to end, wait, and kill what is left."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            return -signal.SIGKILL
        finally:
            self.kill()


class System:
    """Redis, one API and two workers over one folder; the second worker reaches Redis through a relay."""

    def __init__(self, folder: Path, pace: Pace) -> None:
        self.folder, self.pace = folder, pace
        self.journal = folder / "journal"
        self.journal.touch()
        self.files = RedisFiles(folder=folder / "redis")
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.relay = Relay(folder / "relay.sock", self.files.socket)
        self.redis: subprocess.Popen[bytes] | None = None
        self.api = self._child("api", API, self.files.url)
        self.workers = [
            self._child("worker-1", WORKER, self.files.url),
            self._child("worker-2", WORKER, self.relay.url),
        ]

    @property
    def settings(self) -> JobSettings:
        """Return the settings as the harness itself uses them."""
        pace = self.pace
        return JobSettings(
            redis_url=self.files.url,
            data_dir=self.folder / "data",
            lease_seconds=pace.lease,
            reaper_seconds=pace.reaper,
            upload_timeout_seconds=pace.upload_timeout,
            storage_min_free_bytes=0,
        )

    def _child(self, name: str, command: Command, redis_url: str) -> Child:
        pace = self.pace
        told = {
            "NST_REDIS_URL": redis_url,
            "NST_DATA_DIR": str(self.folder / "data"),
            "NST_PORT": str(self.port),
            "NST_LEASE_SECONDS": str(pace.lease),
            "NST_HEARTBEAT_SECONDS": "1" if pace.lease > 10 else "0.3",
            "NST_REAPER_SECONDS": str(pace.reaper),
            "NST_CHECKPOINT_SECONDS": str(pace.checkpoint),
            "NST_UPLOAD_TIMEOUT_SECONDS": str(pace.upload_timeout),
            "NST_STORAGE_MIN_FREE_BYTES": "0",
            "NST_STORAGE_QUOTA_BYTES": str(QUOTA),
            "NST_CREATES_PER_MINUTE": "100000",
            "NST_FAKE_STEP_SECONDS": str(pace.step),
            "NST_FAKE_JOURNAL": str(self.journal),
            "NST_WORKER_NICE": "0",
        }
        return Child(name, command, {**os.environ, **told}, self.folder / f"{name}.log")

    async def start(self) -> None:
        self.start_redis()
        await self.relay.start()
        for child in (self.api, *self.workers):
            child.start()
        await self.until_ready()

    def start_redis(self) -> None:
        self.files.socket.unlink(missing_ok=True) if self.redis else None
        self.redis, _ = start_redis(self.files.folder)

    def stop_redis(self) -> None:
        assert self.redis is not None
        stop_redis(self.redis)

    def kill_redis(self) -> None:
        assert self.redis is not None
        self.redis.kill()
        self.redis.wait()

    async def until_ready(self, patience: float = 90.0) -> None:
        """Wait until the API says that it is ready."""
        deadline = time.monotonic() + patience
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            while time.monotonic() < deadline:
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get(f"{self.url}/readyz")).status_code == httpx.codes.OK:
                        return
                await asyncio.sleep(0.1)
        raise RuntimeError(f"the API did not become ready; see {self.api.log}")

    async def stop(self) -> None:
        for child in (*self.workers, self.api):
            if child.process is not None:
                child.signal_group(signal.SIGCONT)
                child.signal_group(signal.SIGTERM)
        for child in (*self.workers, self.api):
            if child.process is not None:
                await asyncio.to_thread(child.stop, 15)
        await self.relay.stop()
        if self.redis is not None:
            stop_redis(self.redis)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
