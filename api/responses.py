"""Answers that several routes give: a job as JSON with its ETag, and the refusals that OpenAPI lists."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Header, Request, Response

from api.bodies import Reader, json_bytes
from api.problems import MEDIA_TYPE, Problem
from api.schemas import Link, job_path
from api.security.auth import Caller
from api.services import Services
from jobs.model import Job
from jobs.status import Status

RETRY_SECONDS = {Status.QUEUED: 2, Status.RUNNING: 1}


def links(request: Request, services: Services, caller: Caller) -> tuple[Link, Link]:
    """Return what turns paths into links, and what turns paths of pictures into links that need no header."""
    root = request.scope.get("root_path", "")

    def link(path: str) -> str:
        return f"{root}{path}"

    def picture(path: str) -> str:
        return f"{root}{services.signer.sign(path, caller.owner)}" if caller.keyed else link(path)

    return link, picture


def job_response(request: Request, services: Services, caller: Caller, job: Job, status: int = 200) -> Response:
    """Answer with a job; 304 where the client has this state already."""
    headers = {"ETag": f'"{job.version}-{job.queue_position or 0}"'}
    if not job.status.is_terminal:
        headers["Retry-After"] = str(RETRY_SECONDS[job.status])
    headers["Cache-Control"] = "private, no-cache"
    if request.method == "GET" and matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    link, picture = links(request, services, caller)
    if status in (201, 202):
        headers["Location"] = link(job_path(job.id))
    body = services.bodies.of(job, _reader(request, services, caller), link=link, picture=picture)
    return Response(body, status_code=status, media_type="application/json", headers=headers)


def _reader(request: Request, services: Services, caller: Caller) -> Reader:
    """Name all that links depend on."""
    root = request.scope.get("root_path", "")
    return (root, caller.owner, str(services.signer.expires())) if caller.keyed else (root,)


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON that was made here and need not be validated."""
    return Response(json_bytes(value), status_code=status, media_type="application/json", headers=dict(headers or {}))


async def conditional(
    if_none_match: Annotated[str | None, Header(description="ETag of what is known; 304 if it still holds.")] = None,
) -> str | None:
    """Document If-None-Match."""
    return if_none_match


async def ranged(
    range_: Annotated[str | None, Header(alias="Range", description="`bytes=first-last`.")] = None,
    if_range: Annotated[str | None, Header(description="ETag that the range belongs to.")] = None,
) -> tuple[str | None, str | None]:
    """Document Range and If-Range."""
    return range_, if_range


def matches(header: str | None, etag: str) -> bool:
    """Tell whether an If-None-Match header names this ETag (weak comparison)."""
    if header is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or etag in tags


REASONS = {
    400: "The request is malformed.",
    401: "No API key, or not a valid one.",
    403: "Not allowed: an operator's key is needed, or, without keys, a foreign host or origin asked.",
    404: "No such job, or another key's.",
    405: "No such method here.",
    406: "None of the accepted formats can be made.",
    408: "The request body did not arrive in time.",
    409: "The job is in a state that does not allow it.",
    410: "The pictures are no longer kept.",
    413: "Too large.",
    415: "Not a picture that can be read, or not a form.",
    416: "No such range of bytes.",
    422: "A parameter is not valid.",
    429: "Over a quota or a rate.",
    503: "The queue is full, or the job store is away.",
    507: "The disk is full.",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """List the problem documents that a route may answer with, for OpenAPI."""
    content = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}}
    retry = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    found: dict[int | str, dict[str, Any]] = {}
    for status in sorted({401, 403, 422, 503, *statuses}):
        found[status] = {"description": REASONS[status], "content": content}
        if status in (429, 503, 507):
            found[status]["headers"] = retry
    return found
