"""What became of every job, as its events told it while it happened."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from jobs.errors import JobsError
from jobs.model import Event
from jobs.store.job_store import JobStore
from jobs.worker_registry import AsyncWorkerRegistry

IDLE_SECONDS = 0.2


@dataclass
class Life:
    """The events of one job, in order."""

    events: list[Event] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        return any(event.type == "completed" for event in self.events)


class Watch:
    """Reads the events of the jobs it was told of until each has ended; outlives a Redis that comes and goes."""

    def __init__(self, client: JobStore, registry: AsyncWorkerRegistry) -> None:
        self._client, self._registry = client, registry
        self.lives: dict[str, Life] = {}
        self.ready: dict[str, float] = {}  # when each worker was first seen

    def add(self, job_id: str) -> None:
        self.lives.setdefault(job_id, Life())

    async def run(self) -> None:
        while True:
            # A job that ended is still looked at: a second end would be an error.
            after = {job_id: life.events[-1].id if life.events else "0" for job_id, life in self.lives.items()}
            try:
                found: Mapping[str, object] = await self._client.events(after, block_seconds=0.5) if after else {}
            except JobsError:
                found = {}
            for job_id, events in found.items():
                self.lives[job_id].events.extend(events)  # type: ignore[arg-type]
            if not found:
                await asyncio.sleep(IDLE_SECONDS)

    async def run_roster(self) -> None:
        """Note when each worker turns up."""
        while True:
            with contextlib.suppress(JobsError):
                for worker in await self._registry.live():
                    self.ready.setdefault(worker.id, worker.seen_at)
            await asyncio.sleep(IDLE_SECONDS)

    async def until_all_ended(self, patience: float) -> bool:
        """Wait until every job has ended; False if that takes too long."""
        try:
            async with asyncio.timeout(patience):
                while not all(life.ended for life in self.lives.values()):
                    await asyncio.sleep(IDLE_SECONDS)
        except TimeoutError:
            return False
        return True


def seconds(event: Event) -> float:
    """Return when an event was written, in seconds since 1970 by the clock of Redis."""
    return int(event.id.partition("-")[0]) / 1000
