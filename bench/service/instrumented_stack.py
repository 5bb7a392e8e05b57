"""A running service that tells what its jobs cost Redis, the API and the workers."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from jobs.connections import connect
from jobs.status import Status
from nst_engine.paintings import paint
from tests.stack.process import ONE_THREAD
from tests.stack.stack import Stack

LOOK_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What Redis, the API and the workers have used so far, at a moment."""

    at: float
    commands: float
    redis_bytes: float
    redis_seconds: float
    api_seconds: float
    worker_seconds: float

    def since(self, before: Usage) -> Usage:
        """Return what was used between two moments."""
        names = [field.name for field in fields(self)]
        return Usage(**{name: getattr(self, name) - getattr(before, name) for name in names})


class InstrumentedStack(Stack):
    """A stack whose workers compute on one thread each; it starts with none."""

    def __init__(self, folder: Path, *, fake_engine: bool = False, **environment: str) -> None:
        options = {"NST_LOG_LEVEL": "error", **ONE_THREAD, **environment}
        super().__init__(folder, workers=0, fake_engine=fake_engine, **options)
        self.looks = 0
        self._redis: Any = connect(self.settings)

    def scale(self, count: int) -> None:
        """Start workers until there are so many."""
        while len(self.workers) < count:
            worker = self.add_worker()
            worker.start()
            worker.wait_until_ready()

    def stop_worker(self) -> None:
        """Stop the latest worker."""
        self.workers.pop().stop()

    def redis_clients(self) -> int:
        """Return the number of connections to Redis."""
        return int(self._redis.info("clients")["connected_clients"])

    def usage(self) -> Usage:
        """Read what was used so far."""
        commands, net, cpu = (self._redis.info(section) for section in ("commandstats", "stats", "cpu"))
        return Usage(
            at=time.monotonic(),
            commands=sum(stat["calls"] for stat in commands.values()),
            redis_bytes=net["total_net_input_bytes"] + net["total_net_output_bytes"],
            redis_seconds=cpu["used_cpu_user_main_thread"] + cpu["used_cpu_sys_main_thread"],
            api_seconds=self.api.cpu_seconds(),
            worker_seconds=sum(worker.cpu_seconds() for worker in self.workers),
        )

    def create_sized(self, *, size: int, steps: int) -> str:
        """Create a job with a photo and a painting of so many pixels and return its id."""
        files = {"content": _picture("waves", size), "style": _picture("mosaic", size)}
        return str(self.create(files, max_size=size, steps=steps)["id"])

    def has_ended(self, job_id: str) -> bool:
        """Look into the record of a job, and count the look; a poll of the API would cost more while the job waits."""
        self.looks += 1
        return Status(self._redis.hget(f"nst:job:{job_id}", "status")).is_terminal

    def finish(self, waiting: list[str]) -> list[dict[str, Any]]:
        """Wait until jobs have ended, fetch the results, and return the jobs."""
        left = list(waiting)
        while left:
            time.sleep(LOOK_SECONDS)
            left = [job_id for job_id in left if not self.has_ended(job_id)]
        jobs = [self.job(job_id) for job_id in waiting]
        for job in jobs:
            if job["status"] != Status.SUCCEEDED:
                raise RuntimeError(f"a job {job['status']}: {job['error']}")
            self.http.get(job["urls"]["result"]).raise_for_status()
        return jobs


@cache
def _picture(style: str, size: int) -> bytes:
    file = io.BytesIO()
    paint(style, size).convert("RGB").resize((size, size * 3 // 4), Image.Resampling.LANCZOS).save(file, "JPEG")
    return file.getvalue()
