"""`Prefer: wait=N`: hold the answer back until the job has ended or the time is up."""

import asyncio
import re
import time
from collections import Counter
from contextlib import aclosing

from api.event_hub import EventHub
from api.security.caller import Caller
from api.security.key_watch import KeyWatch
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

    def __init__(self, store: JobStore, event_hub: EventHub, key_watch: KeyWatch) -> None:
        self._store, self._event_hub, self._key_watch = store, event_hub, key_watch
        self._waiting: Counter[str] = Counter()  # by owner

    async def wait_until_ended(self, job: Job, caller: Caller, seconds: int) -> Job:
        """Return the job when it has ended.

        Return it as it is when the time is up, the caller loses access, or too many clients wait already.
        """
        full = self._waiting.total() >= MAX_WAITING or self._waiting[job.owner] >= MAX_WAITING_PER_KEY
        if seconds == 0 or full:
            return job
        self._waiting[job.owner] += 1
        try:
            async with asyncio.timeout(seconds):
                await self._wait_for_end(job, caller)
        except TimeoutError:
            pass
        finally:
            self._waiting -= Counter((job.owner,))  # subtraction drops owners with a count of zero
        return await self._store.get(job.id, job.owner)

    async def _wait_for_end(self, job: Job, caller: Caller) -> None:
        checked = time.monotonic()
        idle_seconds = min(RECHECK_SECONDS, self._key_watch.seconds)
        async with aclosing(self._event_hub.listen(job.id, "0", idle_seconds=idle_seconds)) as stream:
            async for events in stream:
                if not await self._key_watch.is_active(caller) or any(event.type == "completed" for event in events):
                    return
                # The stream may have been trimmed before the first read, so the record is checked too.
                if not events or time.monotonic() - checked > RECHECK_SECONDS:
                    checked = time.monotonic()
                    if (await self._store.get(job.id, job.owner)).status.is_terminal:
                        return
