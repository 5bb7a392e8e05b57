"""The faults that are injected: kills at chosen moments, and disturbances that end no process."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.chaos.client import RetryingClient
from tests.chaos.journal import next_line
from tests.chaos.system import QUOTA_BYTES, System
from tests.stack.process import Process

MOMENT_SECONDS = 10.0  # longest wait for the moment to kill at; then the kill happens anyway
RESTART_SECONDS = (0.2, 1.5)
ALL_WORKERS = 0  # the process id of a fault that concerns all workers

Injection = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """A fault: when, what, in which process, and when a process that lived on was free again."""

    at: float
    what: str
    pid: int
    until: float = 0.0


@dataclass
class FaultInjector:
    """Injects faults into a system and records them."""

    system: System
    client: RetryingClient
    random: random.Random
    faults: list[Fault] = field(default_factory=list)

    def kills(self) -> dict[str, Injection]:
        """Return the faults that end a process, by name."""
        return {
            "SIGKILL of a worker in mid-iteration": lambda: self._kill_worker_at("step"),
            "SIGKILL of a worker in upload of a result": lambda: self._kill_worker_at("upload"),
            "SIGKILL of a worker between claim and first step": lambda: self._kill_worker_at("begin"),
            "SIGKILL of a worker's child alone": self._kill_worker_child,
            "SIGTERM of a worker": self._terminate_worker,
            "SIGKILL of the API in mid-upload": self._kill_api_in_upload,
            "SIGKILL of the API just after 202": self._kill_api_after_202,
            "SIGKILL and restart of Redis": self._kill_redis,
        }

    def disturbances(self) -> dict[str, Injection]:
        """Return the faults that end no process, by name."""
        return {
            "SIGSTOP of a worker past its lease, then SIGCONT": self._pause_worker,
            "full disk": self._fill_disk,
            "broker connection cut": self._cut_broker,
        }

    def _record(self, what: str, pid: int) -> None:
        self.faults.append(Fault(time.time(), what, pid))

    def _record_end(self) -> None:
        """Record that the latest fault is over."""
        self.faults[-1] = replace(self.faults[-1], until=time.time())

    async def _pause_before_restart(self) -> None:
        await asyncio.sleep(self.random.uniform(*RESTART_SECONDS))

    async def _worker_at(self, what: str) -> Process:
        """Choose a worker and wait until its child does something."""
        workers = self.random.sample(self.system.workers, len(self.system.workers))
        for worker in workers:
            if await next_line(self.system.journal, what, lambda: _children(worker.pid), seconds=MOMENT_SECONDS):  # noqa: B023
                return worker
        return workers[0]

    async def _kill_worker_at(self, what: str) -> None:
        worker = await self._worker_at(what)
        if what != "begin":
            await asyncio.sleep(self.random.uniform(0, 0.03))
        worker.kill()
        self._record(f"kill at {what}", worker.pid)
        await self._pause_before_restart()
        worker.start()

    async def _kill_worker_child(self) -> None:
        worker = await self._worker_at("step")
        self._record("kill child", worker.pid)
        for pid in _children(worker.pid):
            os.kill(pid, signal.SIGKILL)
        self._record_end()

    async def _terminate_worker(self) -> None:
        worker = await self._worker_at("step")
        self._record("term", worker.pid)
        code = await asyncio.to_thread(worker.stop)
        if code != 0:
            raise RuntimeError(f"{worker.name} ended with {code} on SIGTERM")
        worker.start()

    async def _kill_api_in_upload(self) -> None:
        creating = asyncio.create_task(self.client.create(upload_seconds=1.0))
        await asyncio.sleep(self.random.uniform(0.1, 1.2))
        await self._kill_api("mid-upload")
        await creating

    async def _kill_api_after_202(self) -> None:
        await self.client.create()
        await self._kill_api("after 202")

    async def _kill_api(self, when: str) -> None:
        self.system.api.kill()
        self._record(f"kill api {when}", self.system.api.pid)
        await self._pause_before_restart()
        self.system.api.start()
        # It would end if the next fault stopped Redis while it starts; here, no supervisor restarts it.
        await asyncio.to_thread(self.system.api.wait_until_ready)

    async def _kill_redis(self) -> None:
        self.system.redis.kill()
        self._record("kill redis", ALL_WORKERS)
        await self._pause_before_restart()
        self.system.redis.start()
        await asyncio.to_thread(self.system.redis.wait_until_ready)
        self._record_end()

    async def _pause_worker(self) -> None:
        worker = await self._worker_at("step")
        self._record("stop", worker.pid)
        worker.send(signal.SIGSTOP)
        timing = self.system.timing
        await asyncio.sleep(timing.lease + timing.reaper + 2)
        worker.send(signal.SIGCONT)
        self._record_end()

    async def _fill_disk(self) -> None:
        self._record("disk full", ALL_WORKERS)
        ballast = self.system.data_dir / "blobs" / "ballast" / "ballast"
        ballast.parent.mkdir(parents=True, exist_ok=True)
        with ballast.open("wb") as file:
            file.truncate(QUOTA_BYTES + 1)
        await asyncio.sleep(self.system.timing.upload_timeout / 2)
        ballast.unlink(missing_ok=True)
        self._record_end()

    async def _cut_broker(self) -> None:
        self._record("cut", self.system.workers[1].pid)
        await self.system.relay.cut(self.system.timing.cut)
        self._record_end()


def _children(pid: int) -> set[int]:
    """Return the children of a process; psutil looks through all processes, which takes longer than an iteration."""
    try:
        return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    except FileNotFoundError:
        return set()
