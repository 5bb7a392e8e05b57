"""Server-sent events of a job: first those after Last-Event-ID, then live ones."""

import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.routes.jobs import JobId
from api.routes.responses import error_responses, urls_for
from api.security.auth import CallerDep
from api.security.caller import Caller
from api.security.rate_limits import too_many
from api.services import Services, ServicesDep
from api.urls import Urls, job_path
from jobs.errors import JobNotFound, StoreUnavailable
from jobs.model import Event, Job
from jobs.status import Status

EVENT_ID = re.compile(r"\d{1,15}-\d{1,10}")
COMPLETED_ID = "999999999999999-0"  # of a `completed` that is made from the record; later than all events
RETRY_MILLISECONDS = 2000
EXAMPLE = 'event: progress\nid: 1767312000000-0\ndata: {"iteration": 20, "total": 200, "loss": 0.41}\n\n'

LastEventId = Annotated[str | None, Header(description="Id of the last event that the client received.")]
router = APIRouter(prefix="/v1/jobs", tags=["events"])


class AllReceivedError(Exception):
    """The job has ended and the client has received its last event."""


async def stop_reconnecting(_request: Request, _error: Exception) -> Response:
    """Answer with the 204 that ends an EventSource, which reconnects after every other end of its stream."""
    return Response(status_code=204)


@dataclass(frozen=True, kw_only=True)
class Followed:
    """A job, and the id of the event after which its stream begins."""

    job: Job
    after: str


async def followed_job(
    services: ServicesDep, caller: CallerDep, job_id: JobId, last_event_id: LastEventId = None
) -> AsyncIterator[Followed]:
    """Count the stream and yield the job; runs before the stream begins, while another response can still be sent."""
    streams, settings = services.open_streams, services.settings
    if streams.total() >= settings.max_listeners or streams[caller.owner] >= settings.max_listeners_per_key:
        raise too_many("too_many_listeners", "too many event streams are open", seconds=10)
    streams[caller.owner] += 1  # before anything is awaited, or else requests at the same time would pass together
    try:
        job = await services.store.get(job_id, caller.owner)
        if job.status.is_terminal and await _is_completed(services, job_id, last_event_id):
            raise AllReceivedError
        yield Followed(job=job, after=await _start(services, job_id, last_event_id))
    finally:
        services.open_streams -= Counter((caller.owner,))  # subtraction drops owners with a count of zero


async def _start(services: Services, job_id: str, event_id: str | None) -> str:
    """Return the id if it is that of an event of the job; "0", for all events, otherwise.

    The listeners of a job share a reader, which an id from elsewhere would hold up.
    """
    known = event_id is not None and EVENT_ID.fullmatch(event_id) and await services.store.has_event(job_id, event_id)
    return event_id if event_id is not None and known else "0"


async def _is_completed(services: Services, job_id: str, event_id: str | None) -> bool:
    """Tell whether this is the id of the job's `completed`."""
    if event_id is None or not EVENT_ID.fullmatch(event_id):
        return False
    milliseconds, number = map(int, event_id.split("-"))
    before = f"{milliseconds}-{number - 1}" if number else f"{max(0, milliseconds - 1)}-{2**64 - 1}"
    events = (await services.store.events({job_id: before}, count=1)).get(job_id, ())
    return event_id == COMPLETED_ID or any(event.id == event_id and event.type == "completed" for event in events)


@router.get(
    "/{job_id}/events",
    summary="Stream the events of a job",
    response_class=EventSourceResponse,
    responses={
        200: {
            "description": "Events `status`, `progress`, `preview`, `completed`.",
            "content": {"text/event-stream": {"example": EXAMPLE}},
        },
        204: {"description": "`Last-Event-ID` is the id of `completed`: do not reconnect."},
        **error_responses(404, 409, 429),
    },
)
async def get_events(
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    followed: Annotated[Followed, Depends(followed_job)],
) -> AsyncIterable[ServerSentEvent]:
    """Send each event as it happens; the stream ends after `completed`."""
    urls = urls_for(request, services, caller)
    yield ServerSentEvent(retry=RETRY_MILLISECONDS)
    async for event in _events(services, caller, followed):
        if event is None:
            yield ServerSentEvent(comment="nothing new")
            continue
        yield _server_sent_event(event, followed.job.id, urls)
        if event.type == "completed":
            return


@router.head("/{job_id}/events", include_in_schema=False, dependencies=[Depends(followed_job)])
async def head_events() -> Response:
    """Answer as GET does, without the stream."""
    return Response(media_type="text/event-stream", headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})


async def _events(services: Services, caller: Caller, followed: Followed) -> AsyncIterator[Event | None]:
    """Yield the events of a job, and None when none has arrived for a while; end when the caller loses access."""
    job, after = followed.job, followed.after
    if job.status.is_terminal:
        for event in (await services.store.events({job.id: after})).get(job.id, ()):
            yield event
        yield _completed(job)  # the stream may be gone, or the client may have received all of it
        return
    idle_seconds = min(services.event_heartbeat_seconds, services.key_watch.seconds)
    last_sent = time.monotonic()
    async with aclosing(services.event_hub.listen(job.id, after, idle_seconds=idle_seconds)) as stream:
        async for events in stream:
            if not await services.key_watch.is_active(caller):
                return
            for event in events:
                yield event
            if not events and time.monotonic() - last_sent < services.event_heartbeat_seconds:
                continue
            last_sent = time.monotonic()
            if events:
                continue
            end = await _unnoticed_end(services, job)
            yield end
            if end is not None:
                return


async def _unnoticed_end(services: Services, job: Job) -> Event | None:
    """Return the last event if the job has ended without it, so that no listener waits forever."""
    try:
        job = await services.store.get(job.id, job.owner)
    except JobNotFound:
        return Event(id="", type="completed", data={"status": Status.CANCELED})
    except StoreUnavailable:
        return None
    return _completed(job) if job.status.is_terminal else None


def _completed(job: Job) -> Event:
    data: dict[str, Any] = {"status": job.status, "version": job.version}
    if job.failure is not None:
        data["error"] = {"code": job.failure.code, "message": job.failure.message}
    return Event(id=COMPLETED_ID, type="completed", data=data)


def _server_sent_event(event: Event, job_id: str, urls: Urls) -> ServerSentEvent:
    data = {name: value for name, value in event.data.items() if name != "blob"}
    path = job_path(job_id)
    if event.type == "preview":
        data["url"] = urls.picture(f"{path}/preview")
    elif event.type == "completed" and data.get("status") == Status.SUCCEEDED:
        data["url"] = urls.picture(f"{path}/result")
    return ServerSentEvent(raw_data=json.dumps(data), event=event.type, id=event.id or None)
