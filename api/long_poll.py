"""`Prefer: wait=N`: hold the answer back until the job has ended or the time is up."""

import asyncio
import re
import time
from collections import Counter
from contextlib import aclosing

from api.event_hub import EventHub
from jobs.model import Job
from jobs.store.job_store import JobStore

WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?(?:$|[,;\s])", re.IGNORECASE)
RECHECK_SECONDS = 5.0
MAX_WAIT_SECONDS = 60
MAX_WAITING = 200
MAX_WAITING_PER_KEY = 100


def preferred_wait(prefer: str | None) -> int:
    """Return the seconds of the wait preference; what cannot be parsed is ignored (RFC 7240)."""
    found = WAIT.search(prefer or "")
    return min(int(found.group(1)), MAX_WAIT_SECONDS) if found else 0


class LongPoll:
    """Wait for jobs on behalf of clients, at most MAX_WAITING of them at a time, and half as many of a key."""

    def __init__(self, store: JobStore, event_hub: EventHub) -> None:
        self._store, self._event_hub = store, event_hub
        self._waiting: Counter[str] = Counter()  # by owner

    async def wait_until_ended(self, job: Job, seconds: int) -> Job:
        """Return the job when it has ended, or as it is when the time is up or too many clients wait already."""
        full = self._waiting.total() >= MAX_WAITING or self._waiting[job.owner] >= MAX_WAITING_PER_KEY
        if seconds == 0 or full:
            return job
        self._waiting[job.owner] += 1
        try:
            async with asyncio.timeout(seconds):
                await self._wait_for_end(job)
        except TimeoutError:
            pass
        finally:
            self._waiting -= Counter((job.owner,))  # subtraction drops owners with a count of zero
        return await self._store.get(job.id, job.owner)

    async def _wait_for_end(self, job: Job) -> None:
        checked = time.monotonic()
        async with aclosing(self._event_hub.listen(job.id, "0", idle_seconds=RECHECK_SECONDS)) as stream:
            async for events in stream:
                if any(event.type == "completed" for event in events):
                    return
                # The stream may have been trimmed before the first read, so the record is checked too.
                if not events or time.monotonic() - checked > RECHECK_SECONDS:
                    checked = time.monotonic()
                    if (await self._store.get(job.id, job.owner)).status.is_terminal:
                        return
