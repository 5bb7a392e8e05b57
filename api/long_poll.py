"""`Prefer: wait=N`: holding an answer back until the job has ended, or the time is over."""

import asyncio
import re
import time

from api.security.auth import Caller
from api.services import Services
from jobs.model import Event, Job

WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?(?:$|[,;\s])", re.IGNORECASE)
LOOK_SECONDS = 5.0


def wanted_seconds(prefer: str | None, *, most: int) -> int:
    """Read the wait preference; what is not understood is no preference (RFC 7240)."""
    found = WAIT.search(prefer or "")
    return min(int(found.group(1)), most) if found else 0


async def until_ended(services: Services, caller: Caller, job: Job, seconds: int) -> Job:
    """Return the job when it has ended, or as it is when the time is over."""
    if seconds == 0 or services.waiting >= services.settings.max_waiting_requests:
        return job
    services.waiting += 1
    try:
        async with asyncio.timeout(seconds):
            await _ended(services, caller, job)
    except TimeoutError:
        pass
    finally:
        services.waiting -= 1
    return await services.client.get(job.id, caller.owner)


async def _ended(services: Services, caller: Caller, job: Job) -> None:
    began = time.monotonic()
    async for events in services.hub.batches(job.id, "0", idle_seconds=LOOK_SECONDS):
        if any(_is_last(event) for event in events):
            return
        # Events may have been trimmed before we came; the record is the truth.
        if not events or time.monotonic() - began > LOOK_SECONDS:
            began = time.monotonic()
            if (await services.client.get(job.id, caller.owner)).status.is_terminal:
                return


def _is_last(event: Event) -> bool:
    return event.type == "completed"
