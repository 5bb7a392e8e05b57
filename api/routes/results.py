"""Pictures of a job: result, preview, time-lapse, and what it was made of."""

import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi import Path as PathParameter

from api.downloads import File, headers_of, not_modified, send
from api.negotiation import BY_TYPE, chosen_format
from api.problems import ProblemError
from api.responses import conditional, ranged, refusals
from api.routes.jobs import JobId
from api.security.auth import ViewerDep
from api.services import Services, ServicesDep
from jobs.model import Job
from jobs.status import Status
from nst_engine.images.reading import WRITABLE

router = APIRouter(prefix="/v1/jobs", tags=["pictures"], dependencies=[Depends(conditional), Depends(ranged)])

Format = Annotated[
    Literal["png", "jpeg", "webp", "tiff"] | None,
    Query(alias="format", description="Format; else `Accept`, else as it is kept."),
]
BINARY = {"schema": {"type": "string", "format": "binary"}}


def _answers(*media_types: str) -> dict[int | str, dict[str, Any]]:
    content = dict.fromkeys(media_types, BINARY)
    return {
        200: {"description": "The picture.", "content": content},
        206: {"description": "The range of it that was asked for.", "content": content},
        304: {"description": "The client has it already."},
        **refusals(404, 406, 409, 410, 416),
    }


@router.get(
    "/{job_id}/result",
    operation_id="get_result",
    summary="Download the result",
    response_class=Response,
    responses=_answers(*BY_TYPE),
)
async def get_result(
    request: Request,
    services: ServicesDep,
    caller: ViewerDep,
    job_id: JobId,
    wanted: Format = None,
) -> Response:
    """Return the finished picture; byte ranges work."""
    job = await _kept(services, caller.owner, job_id)
    _check_succeeded(job)
    assert job.result is not None
    stored = BY_TYPE[job.result.media_type]
    name = chosen_format(stored, query=wanted, accept=request.headers.get("accept"))
    return await _picture(
        request, services, _Stored(job.result.blob, stored, f'"{job.result.sha256}'), name, f"nst-{job_id}"
    )


@router.get(
    "/{job_id}/preview",
    operation_id="get_preview",
    summary="Look at the picture while it is being made",
    response_class=Response,
    responses=_answers(*BY_TYPE),
)
async def get_preview(
    request: Request,
    services: ServicesDep,
    caller: ViewerDep,
    job_id: JobId,
    wanted: Format = None,
) -> Response:
    """Return the latest intermediate picture; the result once there is one."""
    job = await _kept(services, caller.owner, job_id)
    if job.result is not None:
        blob, media_type, tag = job.result.blob, job.result.media_type, job.result.sha256
    elif job.preview is not None:
        blob, media_type = job.preview.blob, job.preview.media_type
        tag = f"{job_id}-{job.attempt}-{job.preview.sequence}"
    else:
        raise ProblemError(409, "no_preview", "there is no preview yet", headers={"Retry-After": "1"})
    stored = BY_TYPE[media_type]
    name = chosen_format(stored, query=wanted, accept=request.headers.get("accept"))
    latest = _Stored(blob, stored, f'"{tag}', changing=True)
    return await _picture(request, services, latest, name, f"nst-{job_id}-preview")


@router.get(
    "/{job_id}/timelapse",
    operation_id="get_timelapse",
    summary="Download the time-lapse",
    response_class=Response,
    responses=_answers("image/webp"),
)
async def get_timelapse(request: Request, services: ServicesDep, caller: ViewerDep, job_id: JobId) -> Response:
    """Return an animated WebP of the run, if the job was created with `timelapse`."""
    job = await _kept(services, caller.owner, job_id)
    _check_succeeded(job)
    assert job.result is not None
    if job.result.timelapse is None:
        raise ProblemError(409, "no_timelapse", "the job was not asked to make a time-lapse")
    ref = job.result.timelapse
    return await _picture(
        request, services, _Stored(ref.name, "webp", f'"{ref.sha256}'), "webp", f"nst-{job_id}-timelapse"
    )


@router.get(
    "/{job_id}/content",
    operation_id="get_content",
    summary="Look at the photo of a job",
    response_class=Response,
    responses=_answers("image/png"),
)
async def get_content(request: Request, services: ServicesDep, caller: ViewerDep, job_id: JobId) -> Response:
    """Return the photo as it was taken in: upright, sRGB, without metadata."""
    job = await _kept(services, caller.owner, job_id)
    ref = job.inputs.content
    return await _picture(request, services, _Stored(ref.name, "png", f'"{ref.sha256}'), "png", f"nst-{job_id}-content")


@router.get(
    "/{job_id}/style/{index}",
    operation_id="get_style",
    summary="Look at a style picture of a job",
    response_class=Response,
    responses=_answers("image/png"),
)
async def get_style(
    request: Request,
    services: ServicesDep,
    caller: ViewerDep,
    job_id: JobId,
    index: Annotated[int, PathParameter(description="Which of the style pictures, from 0.", ge=0, le=63)],
) -> Response:
    """Return a style picture as it was taken in."""
    job = await _kept(services, caller.owner, job_id)
    if index >= len(job.inputs.styles):
        raise ProblemError(404, "style_unknown", "the job has no such style picture")
    ref = job.inputs.styles[index]
    name = f"nst-{job_id}-style-{index}"
    return await _picture(request, services, _Stored(ref.name, "png", f'"{ref.sha256}'), "png", name)


class _Stored:
    """A picture in the storage; `tag` is its ETag without the closing quote; a `changing` one is asked for anew."""

    def __init__(self, blob: str, form: str, tag: str, *, changing: bool = False) -> None:
        self.blob, self.form, self.tag, self.changing = blob, form, tag, changing


async def _kept(services: Services, owner: str, job_id: str) -> Job:
    job = await services.client.get(job_id, owner)
    if job.expired:
        raise ProblemError(410, "result_expired", "the pictures of this job are no longer kept")
    return job


def _check_succeeded(job: Job) -> None:
    if not job.status.is_terminal:
        retry = {"Retry-After": "1"}
        raise ProblemError(409, "not_finished", f"the job is {job.status}; there is no result yet", headers=retry)
    if job.status is not Status.SUCCEEDED or job.result is None:
        raise ProblemError(409, "no_result", f"the job has {job.status}; there is no result")


async def _picture(request: Request, services: Services, stored: _Stored, name: str, title: str) -> Response:
    """Send a picture as it is kept, or in another format."""
    etag = f'{stored.tag}"' if name == stored.form else f'{stored.tag}-{name}"'
    form = WRITABLE[name]
    inline = request.headers.get("sec-fetch-dest") == "image"
    headers = headers_of(etag, title + form.suffix, inline=inline, changing=stored.changing)
    answer = not_modified(request, etag, headers)
    if answer is not None:
        return answer
    if name != stored.form:
        data = await _converted(services, stored.blob, name)
        return send(request, File.of(data, etag=etag, media_type=form.media_type, name=title), headers)
    info = await to_thread.run_sync(services.blobs.stat, stored.blob)
    file = await to_thread.run_sync(services.blobs.open, stored.blob)
    return send(request, File(file=file, size=info.bytes, etag=etag, media_type=form.media_type, name=title), headers)


async def _converted(services: Services, blob: str, name: str) -> bytes:
    """Convert in a process of its own: large pictures need memory and time that this one has not to spare."""
    services.incoming.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="convert-", dir=services.incoming) as folder:
        source, target = Path(folder) / "source", Path(folder) / "target"
        data = await to_thread.run_sync(services.blobs.read, blob)
        await to_thread.run_sync(source.write_bytes, data)
        del data
        await services.darkroom.convert(source, target, name)
        return await to_thread.run_sync(target.read_bytes)
