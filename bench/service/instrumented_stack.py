"""A running service of which every step is counted: what Redis did, what the API did, how often jobs were looked at."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psutil
from PIL import Image

from bench.service.load import ask, get, post
from bench.service.stack import ENDED, Stack, running
from jobs.connections import connect
from nst_engine.paintings import paint

LOOK_SECONDS = 1.0
ALONE = {"NST_WORKER_THREADS": "1", "OMP_NUM_THREADS": "1", "NST_WORKER_NICE": "0"}


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What Redis and the API had done at a moment."""

    at: float
    commands: float
    redis_bytes: float
    redis_seconds: float
    api_seconds: float
    worker_seconds: float

    def since(self, before: Reading) -> Reading:
        """Return what was done between two readings."""
        return Reading(**{name: getattr(self, name) - getattr(before, name) for name in Reading.__dataclass_fields__})


class Fleet:
    """A service under measurement."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.looks = 0
        self._redis: Any = connect(stack.settings)

    async def scale(self, count: int) -> None:
        """Start workers until there are so many."""
        while len(self.stack.workers) < count:
            await self.stack.start_worker()

    async def end_worker(self) -> None:
        """End the latest worker."""
        worker = self.stack.workers.pop()
        worker.send_signal(signal.SIGTERM)
        await asyncio.to_thread(worker.wait, 60)

    def clients(self) -> int:
        """Count the connections to Redis."""
        return int(self._redis.info("clients")["connected_clients"])

    def read(self) -> Reading:
        """Read what was done so far."""
        commands, net, cpu = (self._redis.info(part) for part in ("commandstats", "stats", "cpu"))
        return Reading(
            at=time.monotonic(),
            commands=sum(stat["calls"] for stat in commands.values()),
            redis_bytes=net["total_net_input_bytes"] + net["total_net_output_bytes"],
            redis_seconds=cpu["used_cpu_user_main_thread"] + cpu["used_cpu_sys_main_thread"],
            api_seconds=_cpu_seconds(self.stack.api.pid),
            worker_seconds=sum(_cpu_seconds(worker.pid) for worker in self.stack.workers),
        )

    async def create(self, *, size: int, steps: int) -> str:
        """Create a job with a photo and a painting of so many pixels, and return where it is."""
        files = {"content": _picture("waves", size), "style": _picture("mosaic", size)}
        fields = {"max_size": str(size), "steps": str(steps)}
        answer = await ask(self.stack.port, post("/v1/jobs", files=files, fields=fields))
        if answer.status != 202:
            raise RuntimeError(f"{answer.status}: {answer.body[:300]!r}")
        return str(json.loads(answer.body)["urls"]["self"])

    async def look(self, job: str) -> dict[str, Any]:
        """Look at a job."""
        self.looks += 1
        return dict(json.loads((await ask(self.stack.port, get(job))).body))

    async def finish(self, jobs: list[str]) -> list[dict[str, Any]]:
        """Look at jobs every second until they have ended, fetch the results, and return the jobs."""
        done: dict[str, dict[str, Any]] = {}
        while len(done) < len(jobs):
            await asyncio.sleep(LOOK_SECONDS)
            for job in (job for job in jobs if job not in done):
                told = await self.look(job)
                if told["status"] in ENDED:
                    done[job] = told
        for told in done.values():
            answer = await ask(self.stack.port, get(told["urls"]["result"] or told["urls"]["self"]))
            if told["status"] != "succeeded" or answer.status != 200:
                raise RuntimeError(f"a job {told['status']}: {told['error']}")
        return list(done.values())


@asynccontextmanager
async def fleet(**told: str) -> AsyncIterator[Fleet]:
    """Run Redis and an API; workers, of one thread each, are started by `scale`."""
    async with running(**ALONE, **told) as stack:
        yield Fleet(stack)


def _cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and of its children, which live as long as it does."""
    process = psutil.Process(pid)
    times = [one.cpu_times() for one in (process, *process.children())]
    return float(sum(used.user + used.system for used in times))


def _picture(style: str, size: int) -> bytes:
    file = io.BytesIO()
    paint(style, size).convert("RGB").resize((size, size * 3 // 4), Image.Resampling.LANCZOS).save(file, "JPEG")
    return file.getvalue()
