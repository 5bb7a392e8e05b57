"""What is done to the system: kills at chosen moments, and disturbances that kill nothing."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.chaos.client import Customer
from tests.chaos.journal import until
from tests.chaos.system import QUOTA, Child, System

PATIENCE = 10.0  # for the moment to come; if it does not, the kill happens anyway
RESTART_SECONDS = (0.2, 1.5)
EVERYONE = 0  # the process id of a deed that concerns all workers


@dataclass(frozen=True)
class Deed:
    """One thing done: when, what, to which process (0: to all), and when a process that lived on was free again."""

    at: float
    what: str
    pid: int
    until: float = 0.0


@dataclass
class Mischief:
    """Does things to a system, and remembers them."""

    system: System
    customer: Customer
    random: random.Random
    deeds: list[Deed] = field(default_factory=list)

    def kills(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Return what ends a process, by name."""
        return {
            "SIGKILL of a worker in mid-iteration": lambda: self._kill_worker_at("step"),
            "SIGKILL of a worker in upload of a result": lambda: self._kill_worker_at("upload"),
            "SIGKILL of a worker between claim and first step": lambda: self._kill_worker_at("begin"),
            "SIGKILL of a worker's child alone": self._kill_worker_child,
            "SIGTERM of a worker": self._term_worker,
            "SIGKILL of the API in mid-upload": self._kill_api_in_upload,
            "SIGKILL of the API just after 202": self._kill_api_after_202,
            "SIGKILL and restart of Redis": self._kill_redis,
        }

    def disturbances(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Return what ends no process, by name."""
        return {
            "SIGSTOP of a worker past its lease, then SIGCONT": self._stop_worker,
            "full disk": self._fill_disk,
            "broker connection cut": self._cut_broker,
        }

    def _note(self, what: str, pid: int) -> None:
        self.deeds.append(Deed(time.time(), what, pid))

    def _note_over(self) -> None:
        """Note that what the last deed did is over."""
        self.deeds[-1] = replace(self.deeds[-1], until=time.time())

    async def _some_time(self) -> None:
        await asyncio.sleep(self.random.uniform(*RESTART_SECONDS))

    async def _worker_at(self, what: str) -> Child:
        """Choose a worker and wait until its child does something."""
        workers = self.random.sample(self.system.workers, len(self.system.workers))
        for worker in workers:
            if await until(self.system.journal, what, lambda: _children(worker.pid), patience=PATIENCE):  # noqa: B023
                return worker
        return workers[0]

    async def _kill_worker_at(self, what: str) -> None:
        worker = await self._worker_at(what)
        if what != "begin":
            await asyncio.sleep(self.random.uniform(0, 0.03))
        worker.kill()
        self._note(f"kill at {what}", worker.pid)
        await self._some_time()
        worker.start()

    async def _kill_worker_child(self) -> None:
        worker = await self._worker_at("step")
        self._note("kill child", worker.pid)
        for pid in _children(worker.pid):
            os.kill(pid, signal.SIGKILL)
        self._note_over()

    async def _term_worker(self) -> None:
        worker = await self._worker_at("step")
        self._note("term", worker.pid)
        code = await asyncio.to_thread(worker.stop)
        if code != 0:
            raise RuntimeError(f"{worker.name} ended with {code} on SIGTERM")
        worker.start()

    async def _kill_api_in_upload(self) -> None:
        sending = asyncio.create_task(self.customer.send(slowly=1.0))
        await asyncio.sleep(self.random.uniform(0.1, 1.2))
        await self._kill_api("mid-upload")
        await sending

    async def _kill_api_after_202(self) -> None:
        await self.customer.send()
        await self._kill_api("after 202")

    async def _kill_api(self, when: str) -> None:
        self.system.api.kill()
        self._note(f"kill api {when}", self.system.api.pid)
        await self._some_time()
        self.system.api.start()

    async def _kill_redis(self) -> None:
        self.system.kill_redis()
        self._note("kill redis", EVERYONE)
        await self._some_time()
        await asyncio.to_thread(self.system.start_redis)
        self._note_over()

    async def _stop_worker(self) -> None:
        worker = await self._worker_at("step")
        self._note("stop", worker.pid)
        worker.signal_group(signal.SIGSTOP)
        pace = self.system.pace
        await asyncio.sleep(pace.lease + pace.reaper + 2)
        worker.signal_group(signal.SIGCONT)
        self._note_over()

    async def _fill_disk(self) -> None:
        self._note("disk full", EVERYONE)
        ballast = self.system.folder / "data" / "blobs" / "ballast" / "ballast"
        ballast.parent.mkdir(parents=True, exist_ok=True)
        with ballast.open("wb") as file:
            file.truncate(QUOTA + 1)
        await asyncio.sleep(self.system.pace.upload_timeout / 2)
        ballast.unlink(missing_ok=True)
        self._note_over()

    async def _cut_broker(self) -> None:
        self._note("cut", self.system.workers[1].pid)
        await self.system.relay.cut(self.system.pace.cut)
        self._note_over()


def _children(pid: int) -> set[int]:
    """Return the children of a process."""
    try:
        return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    except FileNotFoundError:
        return set()
