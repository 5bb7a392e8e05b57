"""Pictures and films of a job: the result, the preview, the time-lapse and the inputs."""

import asyncio
import io
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi import Path as PathParameter

from api.downloads import (
    FILM_FORMAT_BY_MEDIA_TYPE,
    FORMAT_BY_MEDIA_TYPE,
    Download,
    check_film_format,
    negotiate_format,
)
from api.problems import ProblemError
from api.routes.jobs import JobId
from api.routes.responses import (
    error_responses,
    if_none_match_header,
    picture_responses,
    range_headers,
    whole_header,
)
from api.security.auth import ViewerDep
from api.services import Services, ServicesDep
from jobs.model import BlobRef, Job, ResultInfo
from jobs.status import Status
from nst_engine.images.writing import WRITABLE

router = APIRouter(
    prefix="/v1/jobs", tags=["pictures"], dependencies=[Depends(if_none_match_header), Depends(range_headers)]
)

CHOICE = "Format of the picture. Default: the best match for `Accept`, or else the stored format."
Format = Annotated[
    Literal["png", "jpeg", "webp", "tiff", "mp4", "webm", "gif"] | None,
    Query(alias="format", description=f"{CHOICE} A film is sent as it is stored: any other format is a 406."),
]
PreviewFormat = Annotated[Literal["png", "jpeg", "webp", "tiff"] | None, Query(alias="format", description=CHOICE)]
FILM_TYPES = ("video/mp4", "video/webm", "image/gif")  # besides WebP
ERRORS = error_responses(404, 406, 409, 410, 416)


@dataclass(frozen=True, kw_only=True)
class _StoredPicture:
    """A picture in the storage; `tag` identifies its content, and a `changing` one is not cached."""

    blob: str
    format: str
    tag: str
    owner: str  # whose turn a conversion takes
    changing: bool = False


@router.get(
    "/{job_id}/result",
    summary="Download the result",
    response_class=Response,
    responses={**picture_responses(*FORMAT_BY_MEDIA_TYPE, *FILM_TYPES), **ERRORS, **error_responses(429)},
)
async def get_result(
    request: Request, services: ServicesDep, caller: ViewerDep, job_id: JobId, wanted: Format = None
) -> Response:
    """Return the finished picture or film."""
    job = await _unexpired_job(services, caller.owner, job_id)
    result = _result(job)
    if job.options.film is not None:
        check_film_format(result.media_type, query=wanted, accept=whole_header(request, "accept"))
        ref = BlobRef(name=result.blob, sha256=result.sha256, bytes=result.bytes, media_type=result.media_type)
        return await _send_film(request, services, ref, f"nst-{job_id}")
    picture = _result_picture(result, job.owner)
    return await _send_as(request, services, picture, wanted, f"nst-{job_id}")


@router.get(
    "/{job_id}/preview",
    summary="Download the preview",
    response_class=Response,
    responses={**picture_responses(*FORMAT_BY_MEDIA_TYPE), **ERRORS, **error_responses(429)},
)
async def get_preview(
    request: Request, services: ServicesDep, caller: ViewerDep, job_id: JobId, wanted: PreviewFormat = None
) -> Response:
    """Return the latest intermediate picture or, once the job has succeeded, the result; of a film, the last frame."""
    job = await _unexpired_job(services, caller.owner, job_id)
    if job.result is not None and job.options.film is None:
        picture = _result_picture(job.result, job.owner, changing=True)
    elif job.preview is not None:
        picture = _StoredPicture(
            blob=job.preview.blob,
            format=FORMAT_BY_MEDIA_TYPE[job.preview.media_type],
            tag=f"{job_id}-{job.attempt}-{job.preview.sequence}",
            owner=job.owner,
            changing=True,
        )
    else:
        raise ProblemError(409, "no_preview", "there is no preview yet", headers={"Retry-After": "1"})
    return await _send_as(request, services, picture, wanted, f"nst-{job_id}-preview")


@router.get(
    "/{job_id}/timelapse",
    summary="Download the time-lapse",
    response_class=Response,
    responses={**picture_responses("image/webp"), **ERRORS},
)
async def get_timelapse(request: Request, services: ServicesDep, caller: ViewerDep, job_id: JobId) -> Response:
    """Return an animated WebP of the run, if the job was created with `timelapse`."""
    result = _result(await _unexpired_job(services, caller.owner, job_id))
    if result.timelapse is None:
        raise ProblemError(409, "no_timelapse", "the job was created without a time-lapse")
    return await _send_blob(request, services, result.timelapse, "webp", f"nst-{job_id}-timelapse", owner=caller.owner)


@router.get(
    "/{job_id}/content",
    summary="Download the photo or film of a job",
    response_class=Response,
    responses={**picture_responses("image/png", "image/webp", *FILM_TYPES), **ERRORS},
)
async def get_content(request: Request, services: ServicesDep, caller: ViewerDep, job_id: JobId) -> Response:
    """Return the photo as the service stores it: upright, sRGB, without metadata. A film is as it was uploaded."""
    job = await _unexpired_job(services, caller.owner, job_id)
    if job.options.film is not None:
        return await _send_film(request, services, job.inputs.content, f"nst-{job_id}-content")
    return await _send_blob(request, services, job.inputs.content, "png", f"nst-{job_id}-content", owner=caller.owner)


StyleIndex = Annotated[int, PathParameter(description="Index of the style, from 0.", ge=0, le=63)]
INPUT_RESPONSES: dict[int | str, dict[str, Any]] = {**picture_responses("image/png"), **ERRORS}


@router.get(
    "/{job_id}/style/{index}",
    summary="Download a style picture of a job",
    response_class=Response,
    responses=INPUT_RESPONSES,
)
async def get_style(
    request: Request, services: ServicesDep, caller: ViewerDep, job_id: JobId, index: StyleIndex
) -> Response:
    """Return a style picture as the service stores it: upright, sRGB, without metadata."""
    job = await _unexpired_job(services, caller.owner, job_id)
    return await _send_input(request, services, job, job.inputs.styles, "style", index)


@router.get(
    "/{job_id}/mask/{index}",
    summary="Download the mask of a style of a job",
    response_class=Response,
    responses=INPUT_RESPONSES,
)
async def get_mask(
    request: Request, services: ServicesDep, caller: ViewerDep, job_id: JobId, index: StyleIndex
) -> Response:
    """Return the mask of a style as the service stores it: gray, white where the style is painted."""
    job = await _unexpired_job(services, caller.owner, job_id)
    return await _send_input(request, services, job, job.inputs.masks, "mask", index)


@router.get(
    "/{job_id}/style_mask/{index}",
    summary="Download the mask of the part of a style that counts",
    response_class=Response,
    responses=INPUT_RESPONSES,
)
async def get_style_mask(
    request: Request, services: ServicesDep, caller: ViewerDep, job_id: JobId, index: StyleIndex
) -> Response:
    """Return the mask of a style picture as the service stores it: gray, white in the part that counts."""
    job = await _unexpired_job(services, caller.owner, job_id)
    return await _send_input(request, services, job, job.inputs.style_masks, "style_mask", index)


async def _send_input(
    request: Request, services: Services, job: Job, refs: Sequence[BlobRef], part: str, index: int
) -> Response:
    if index >= len(refs):
        raise ProblemError(404, f"{part}_unknown", f"the job has no {part.replace('_', ' ')} with this index")
    return await _send_blob(request, services, refs[index], "png", f"nst-{job.id}-{part}-{index}", owner=job.owner)


async def _unexpired_job(services: Services, owner: str, job_id: str) -> Job:
    job = await services.store.get(job_id, owner)
    if job.expired:
        raise ProblemError(410, "result_expired", "the pictures of this job have been removed")
    return job


def _result(job: Job) -> ResultInfo:
    if not job.status.is_terminal:
        detail = f"the job is {job.status}; there is no result yet"
        raise ProblemError(409, "not_finished", detail, headers={"Retry-After": "1"})
    if job.status is not Status.SUCCEEDED or job.result is None:
        raise ProblemError(409, "no_result", f"the job has no result; its status is {job.status}")
    return job.result


def _result_picture(result: ResultInfo, owner: str, *, changing: bool = False) -> _StoredPicture:
    format_name = FORMAT_BY_MEDIA_TYPE[result.media_type]
    return _StoredPicture(blob=result.blob, format=format_name, tag=result.sha256, owner=owner, changing=changing)


async def _send_blob(
    request: Request, services: Services, ref: BlobRef, format_name: str, title: str, *, owner: str
) -> Response:
    picture = _StoredPicture(blob=ref.name, format=format_name, tag=ref.sha256, owner=owner)
    return await _send(request, services, picture, format_name, title)


async def _send_film(request: Request, services: Services, ref: BlobRef, title: str) -> Response:
    """Send a film as it is stored."""
    download = Download(
        etag=f'"{ref.sha256}"',
        media_type=ref.media_type,
        filename=f"{title}.{FILM_FORMAT_BY_MEDIA_TYPE[ref.media_type]}",
        inline=request.headers.get("sec-fetch-dest") in ("image", "video"),
    )
    if (response := download.not_modified(request)) is not None:
        return response
    return download.send(request, await to_thread.run_sync(services.blobs.open, ref.name))


async def _send_as(
    request: Request, services: Services, picture: _StoredPicture, wanted: str | None, title: str
) -> Response:
    """Send a picture in the format that the client prefers."""
    format_name = negotiate_format(picture.format, query=wanted, accept=whole_header(request, "accept"))
    return await _send(request, services, picture, format_name, title)


async def _send(
    request: Request, services: Services, picture: _StoredPicture, format_name: str, title: str
) -> Response:
    converted, file_format = format_name != picture.format, WRITABLE[format_name]
    download = Download(
        etag=f'"{picture.tag}-{format_name}"' if converted else f'"{picture.tag}"',
        media_type=file_format.media_type,
        filename=title + file_format.suffix,
        inline=request.headers.get("sec-fetch-dest") == "image",
        changing=picture.changing,
    )
    if (response := download.not_modified(request)) is not None:
        return response
    if converted:
        conversion = services.conversions.convert(picture.blob, format_name, owner=picture.owner)
        return download.send(request, io.BytesIO(await _while_connected(request, conversion)))
    return download.send(request, await to_thread.run_sync(services.blobs.open, picture.blob))


async def _while_connected(request: Request, work: Coroutine[Any, Any, bytes]) -> bytes:
    """Return the result of the work, which is canceled when the client disconnects."""

    async def until_disconnected() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    tasks = working, leaving = asyncio.create_task(work), asyncio.create_task(until_disconnected())
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ProblemError(400, "client_disconnected", "the client disconnected before the picture was converted")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)
