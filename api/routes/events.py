"""Server-sent events of a job: replay after Last-Event-ID, then live."""

import json
import re
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.responses import links, refusals
from api.routes.jobs import JobId
from api.schemas import Link, job_path
from api.security.auth import Caller, CallerDep
from api.security.rate_limits import too_many
from api.services import Services, ServicesDep
from jobs.errors import JobNotFound, StoreUnavailable
from jobs.model import Event, Job
from jobs.status import Status

EVENT_ID = re.compile(r"\d{1,15}-\d{1,10}")
RETRY_MILLISECONDS = 2000

router = APIRouter(prefix="/v1/jobs", tags=["events"])


async def listened(services: ServicesDep, caller: CallerDep, job_id: JobId) -> Job:
    """Find the job before the stream begins, while a refusal can still be sent."""
    full = services.hub.listeners >= services.settings.max_listeners
    if full or services.listening[caller.owner] >= services.settings.max_listeners_per_key:
        raise too_many("too_many_listeners", "too many event streams are open", seconds=10)
    return await services.client.get(job_id, caller.owner)


@router.get(
    "/{job_id}/events",
    operation_id="get_events",
    summary="Listen to a job",
    response_class=EventSourceResponse,
    responses={200: {"description": "Events `status`, `progress`, `preview`, `completed`."}, **refusals(404, 409, 429)},
)
async def get_events(
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    job: Annotated[Job, Depends(listened)],
    last_event_id: Annotated[str | None, Header(description="Id of the last event that was seen.")] = None,
) -> AsyncIterable[ServerSentEvent]:
    """Send what happens to a job as it happens, ending after `completed`."""
    after = last_event_id if last_event_id and EVENT_ID.fullmatch(last_event_id) else "0"
    _, picture = links(request, services, caller)
    yield ServerSentEvent(retry=RETRY_MILLISECONDS)
    async for event in _events(services, caller, job, after):
        if event is None:
            yield ServerSentEvent(comment="nothing new")
            continue
        yield _frame(event, job.id, picture)
        if event.type == "completed":
            return


async def _events(services: Services, caller: Caller, job: Job, after: str) -> AsyncIterator[Event | None]:
    """Yield the events of a job; None says that none came for a while."""
    if job.status.is_terminal:
        kept = (await services.client.events({job.id: after})).get(job.id, ())
        for event in kept:
            yield event
        yield _completed(job)  # the stream may be gone, or the client may have seen all of it
        return
    idle = services.settings.event_heartbeat_seconds
    services.listening[caller.owner] += 1
    try:
        async with aclosing(services.hub.batches(job.id, after, idle_seconds=idle)) as batches:
            async for events in batches:
                for event in events:
                    yield event
                if events:
                    continue
                ended = await _ended(services, caller, job.id)
                yield ended
                if ended is not None:
                    return
    finally:
        services.listening -= Counter((caller.owner,))  # names that come to nothing are dropped


async def _ended(services: Services, caller: Caller, job_id: str) -> Event | None:
    """Look whether the job came to its end unnoticed, so that no listener waits for ever."""
    try:
        job = await services.client.get(job_id, caller.owner)
    except JobNotFound:
        return Event(id="", type="completed", data={"status": Status.CANCELED})
    except StoreUnavailable:
        return None
    return _completed(job) if job.status.is_terminal else None


def _completed(job: Job) -> Event:
    data: dict[str, Any] = {"status": job.status, "version": job.version}
    if job.failure is not None:
        data["error"] = {"code": job.failure.code, "message": job.failure.message}
    return Event(id="", type="completed", data=data)


def _frame(event: Event, job_id: str, picture: Link) -> ServerSentEvent:
    data = {name: value for name, value in event.data.items() if name != "blob"}
    path = job_path(job_id)
    if event.type == "preview":
        data["url"] = picture(f"{path}/preview")
    elif event.type == "completed" and data.get("status") == Status.SUCCEEDED:
        data["url"] = picture(f"{path}/result")
    return ServerSentEvent(raw_data=json.dumps(data), event=event.type, id=event.id or None)
