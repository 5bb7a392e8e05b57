"""The events of every job, recorded while they happen."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from jobs.errors import JobsError
from jobs.model import Event
from jobs.store.job_store import JobStore
from jobs.worker_registry import AsyncWorkerRegistry

IDLE_SECONDS = 0.2


@dataclass
class History:
    """The events of one job, in order."""

    events: list[Event] = field(default_factory=list)

    @property
    def has_ended(self) -> bool:
        """Tell whether the job is completed."""
        return any(event.type == "completed" for event in self.events)

    @property
    def last_id(self) -> str:
        """Return the id of the latest event, `0` before the first."""
        return self.events[-1].id if self.events else "0"


class Recorder:
    """Records the events of jobs, and when each worker was first seen; outlives a Redis that comes and goes."""

    def __init__(self, store: JobStore, registry: AsyncWorkerRegistry, jobs: Collection[str]) -> None:
        self._store, self._registry, self._jobs = store, registry, jobs  # the collection may grow
        self.histories: defaultdict[str, History] = defaultdict(History)
        self.workers_seen_at: dict[str, float] = {}

    async def run(self) -> None:
        """Record until canceled."""
        await asyncio.gather(self._record_events(), self._record_workers())

    def unfinished(self) -> list[str]:
        """Return the jobs that have not ended."""
        return [job_id for job_id in self._jobs if not self.histories[job_id].has_ended]

    async def wait_until_all_ended(self, seconds: float) -> None:
        """Wait until every job has ended, or until time is up: then the counts tell which did not."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.unfinished():
                    await asyncio.sleep(IDLE_SECONDS)

    async def _record_events(self) -> None:
        while True:
            # A job that has ended is still followed: a second end would be an error.
            after = {job_id: self.histories[job_id].last_id for job_id in self._jobs}
            try:
                found: Mapping[str, object] = await self._store.events(after, block_seconds=0.5) if after else {}
            except JobsError:
                found = {}
            for job_id, events in found.items():
                self.histories[job_id].events.extend(events)  # type: ignore[arg-type]
            if not found:
                await asyncio.sleep(IDLE_SECONDS)

    async def _record_workers(self) -> None:
        while True:
            with contextlib.suppress(JobsError):
                for worker in await self._registry.live():
                    self.workers_seen_at.setdefault(worker.id, worker.seen_at)
            await asyncio.sleep(IDLE_SECONDS)


def seconds(event: Event) -> float:
    """Return when an event was written, in seconds since 1970 by the clock of Redis."""
    return int(event.id.partition("-")[0]) / 1000
