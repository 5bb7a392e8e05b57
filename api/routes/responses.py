"""Answers that several routes give: a job with its ETag, compressed JSON, and the error responses for OpenAPI."""

import gzip
import re
from typing import Annotated, Any

from fastapi import Header, Request, Response
from pydantic import BaseModel

from api.problems import MEDIA_TYPE, Problem
from api.security.caller import Caller
from api.services import Services
from api.urls import Urls, job_path
from jobs.model import Job
from jobs.status import Status

NO_GZIP = re.compile(r"gzip\s*;\s*q=0(\.0*)?\s*(,|$)")
RETRY_SECONDS = {Status.QUEUED: 2, Status.RUNNING: 1}


def urls_for(request: Request, services: Services, caller: Caller) -> Urls:
    """Return what makes URLs for a caller; pictures are signed only for callers with an API key."""
    root_path = request.scope.get("root_path", "")
    if not caller.keyed:
        return Urls(root_path=root_path)
    signer = services.signer
    return Urls(root_path=root_path, owner=caller.owner, expires=signer.expires(), signer=signer)


def job_response(request: Request, services: Services, caller: Caller, job: Job, status: int = 200) -> Response:
    """Answer with a job, or with 304 if the client has this state already."""
    wait = "" if job.queue_eta_seconds is None else f"-{job.queue_eta_seconds:.0f}"
    headers = {"ETag": f'"{job.version}-{job.queue_position or 0}{wait}"'}
    if not job.status.is_terminal:
        headers["Retry-After"] = str(RETRY_SECONDS[job.status])
    headers["Cache-Control"] = "private, no-cache"
    if request.method == "GET" and matches(whole_header(request, "if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    urls = urls_for(request, services, caller)
    if status in (201, 202):
        headers["Location"] = urls.link(job_path(job.id))
    body = services.job_serializer.to_json(job, urls)
    return Response(body, status_code=status, media_type="application/json", headers=headers)


def whole_header(request: Request, name: str) -> str | None:
    """Return a header that is a list, of which a client or proxy may send each part in a header of its own."""
    return ", ".join(request.headers.getlist(name)) or None


def matches(header: str | None, etag: str) -> bool:
    """Tell whether an If-None-Match header names this ETag (weak comparison)."""
    if header is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or etag in tags


async def if_none_match_header(
    if_none_match: Annotated[
        str | None, Header(description="ETag of the version you have; the response is 304 if it is still current.")
    ] = None,
) -> None:
    """Document If-None-Match."""


async def range_headers(
    range_: Annotated[str | None, Header(alias="Range", description="`bytes=first-last`.")] = None,
    if_range: Annotated[str | None, Header(description="ETag of the file that the range is part of.")] = None,
) -> None:
    """Document Range and If-Range."""


ERROR_DESCRIPTIONS = {
    400: "The request is malformed.",
    401: "The API key is missing or not valid.",
    403: "The key is not an operator's (operator routes), or the host or origin is not allowed (without API keys).",
    404: "There is no such job or style, or the job belongs to another key.",
    406: "The picture is not available in any accepted format.",
    408: "The request body did not arrive in time.",
    409: "The state of the job does not allow this.",
    410: "The pictures have been removed.",
    413: "The request, a file or a picture is too large.",
    415: "A file is not a readable picture, or the body is not a form.",
    416: "The file does not have these bytes.",
    422: "A parameter is not valid.",
    429: "A quota or rate limit is exceeded.",
    503: "The queue is full, the decoders are busy, or Redis or the picture storage is not available.",
    507: "The disk is full.",
}


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the problem documents that a route may answer with, for OpenAPI."""
    content = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}}
    retry_after = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    responses: dict[int | str, dict[str, Any]] = {}
    for status in sorted({401, 403, 422, 503, *statuses}):
        responses[status] = {"description": ERROR_DESCRIPTIONS[status], "content": content}
        if status in (429, 503, 507):
            responses[status]["headers"] = retry_after
    return responses


def picture_responses(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """Return the responses of a download, for OpenAPI."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in media_types}
    return {
        200: {"description": "The picture.", "content": content},
        206: {"description": "The requested range of the file.", "content": content},
        304: {"description": "The client has the picture already."},
    }


def compressed(request: Request, view: BaseModel) -> Response:
    """Return a view as JSON, compressed with gzip if the client accepts that."""
    body, headers = view.model_dump_json().encode(), {"Vary": "Accept-Encoding"}
    accepted = (whole_header(request, "accept-encoding") or "").lower()
    if "gzip" in accepted and not NO_GZIP.search(accepted):
        body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
    return Response(body, media_type="application/json", headers=headers)
