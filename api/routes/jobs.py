"""Jobs: create, look, list, cancel, retry, delete."""

import re
from functools import partial
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from api import long_poll
from api.docs.request_body import CREATE_BODY
from api.fast_route import FastRoute
from api.problems import ProblemError
from api.responses import conditional, job_response, json_response, links, refusals
from api.schemas import JobPageView, JobView, job_view
from api.security.auth import Caller, CallerDep
from api.services import Services, ServicesDep
from api.submission import create
from api.submission.multipart import Form, received
from api.submission.params import parse
from jobs.errors import JobNotFound, KeyReused
from jobs.model import Job
from jobs.status import Status
from jobs.store.idempotency import EarlierRequest, Idempotency

ID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")

JobId = Annotated[
    str, Path(description="Id of the job.", max_length=64, examples=["0198f1c2-a7f0-7d5a-9d0e-3a4b5c6d7e8f"])
]
router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.post(
    "",
    operation_id="create_job",
    summary="Create a job",
    status_code=202,
    response_model=JobView,
    responses={
        200: {"model": JobView, "description": "`Prefer: wait` was given and the job has ended."},
        202: {"description": "The job is queued; look at `Location`."},
        **refusals(400, 408, 409, 413, 415, 429, 507),
    },
    openapi_extra=CREATE_BODY,
)
async def create_job(
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    idempotency_key: Annotated[
        str | None,
        Header(description="The same key and request give the same job again, for 24 h.", max_length=255),
    ] = None,
    prefer: Annotated[str | None, Header(description="`wait=N`: answer when the job has ended, ≤ 60 s.")] = None,
) -> Response:
    """Send a photo, one or more style pictures (or the name of a built-in style) and parameters."""
    await services.rates.count_create(caller.owner)
    if idempotency_key is not None and not IDEMPOTENCY_KEY.fullmatch(idempotency_key):
        raise ProblemError(422, "idempotency_key_invalid", "an Idempotency-Key has 1 to 255 printable characters")
    job = await _created(request, services, caller, idempotency_key)
    seconds = long_poll.wanted_seconds(prefer, most=services.settings.max_wait_seconds)
    job = await long_poll.until_ended(services, caller, job, seconds)
    status = 200 if seconds and job.status.is_terminal else 202
    return job_response(request, services, caller, job, status)


async def _created(request: Request, services: Services, caller: Caller, key: str | None) -> Job:
    await to_thread.run_sync(services.blobs.check)  # before the body is taken in
    known = None if key is None else await services.client.reserve_key(caller.owner, key)
    try:
        seconds = services.job_settings.upload_timeout_seconds
        async with received(request, services.settings, folder=services.incoming, seconds=seconds) as form:
            wish = _wish(request, services, form)
            if known is not None:
                return await _known_job(services, caller, known, create.fingerprint(wish))
            await create.check_model(services, wish.params.config.model)
            idempotency = None
            if key is not None:
                idempotency = Idempotency(key=key, fingerprint=create.fingerprint(wish))
            return await create.create(services, caller, wish, idempotency)
    except BaseException:
        if key is not None and known is None:
            await create.give_up_key(services, caller, key)
        raise


def _wish(request: Request, services: Services, form: Form) -> create.JobRequest:
    hosts, model = services.settings.webhook_hosts, services.job_settings.default_model
    params = parse(form, webhook_hosts=hosts, default_model=model)
    wish = create.JobRequest(form=form, params=params, request_id=request.scope["nst.request_id"])
    create.check_files(wish)
    return wish


async def _known_job(services: Services, caller: Caller, known: EarlierRequest, fingerprint: str) -> Job:
    if known.fingerprint != fingerprint:
        raise KeyReused
    try:
        return await services.client.get(known.job_id, caller.owner)
    except JobNotFound:
        raise ProblemError(410, "job_deleted", "the job of this Idempotency-Key was deleted") from None


@router.get(
    "",
    operation_id="list_jobs",
    summary="List own jobs",
    response_model=JobPageView,
    responses=refusals(),
)
async def list_jobs(
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    status: Annotated[Status | None, Query(description="Only jobs in this state.")] = None,
    cursor: Annotated[
        str | None, Query(description="`next_cursor` of the page before.", pattern=f"^{ID}$", max_length=64)
    ] = None,
    limit: Annotated[int, Query(description="Most jobs of a page.", ge=1, le=100)] = 20,
) -> Response:
    """Return own jobs, newest first."""
    page = await services.client.list(caller.owner, status=status, cursor=cursor, limit=limit)
    link, picture = links(request, services, caller)
    jobs = [job_view(job, link=link, picture=picture) for job in page.jobs]
    headers = {"Cache-Control": "private, no-cache"}
    return json_response({"jobs": jobs, "next_cursor": page.cursor}, headers=headers)


async def get_job(request: Request, services: ServicesDep, caller: CallerDep, job_id: JobId) -> Response:
    """Return the state of a job; cheap enough to be asked every second."""
    job = await services.client.get(job_id, caller.owner)
    return job_response(request, services, caller, job)


router.add_api_route(
    "/{job_id}",
    get_job,
    methods=["GET"],
    operation_id="get_job",
    summary="Look at a job",
    response_model=JobView,
    responses={304: {"description": "Nothing has changed since the ETag in If-None-Match."}, **refusals(404, 409)},
    dependencies=[Depends(conditional)],
    route_class_override=FastRoute,
)


@router.post(
    "/{job_id}/cancel",
    operation_id="cancel_job",
    summary="Cancel a job",
    response_model=JobView,
    responses={
        200: {"description": "The job is canceled."},
        202: {"model": JobView, "description": "The job is running and stops within two seconds."},
        **refusals(404, 409),
    },
)
async def cancel_job(request: Request, services: ServicesDep, caller: CallerDep, job_id: JobId) -> Response:
    """Cancel a job that has not ended."""
    job = await services.client.cancel(job_id, caller.owner)
    return job_response(request, services, caller, job, 200 if job.status is Status.CANCELED else 202)


@router.post(
    "/{job_id}/retry",
    operation_id="retry_job",
    summary="Run a job again",
    status_code=202,
    response_model=JobView,
    responses={202: {"description": "A new job with the same inputs is queued."}, **refusals(404, 409, 410, 429, 507)},
)
async def retry_job(request: Request, services: ServicesDep, caller: CallerDep, job_id: JobId) -> Response:
    """Create a new job with the inputs and parameters of one that has ended, while its pictures are kept."""
    await services.rates.count_create(caller.owner)
    job = await services.client.get(job_id, caller.owner)
    if not job.status.is_terminal:
        raise ProblemError(409, "wrong_state", f"a job that is {job.status} cannot be retried")
    if job.expired:
        raise ProblemError(410, "inputs_gone", "the pictures of this job are no longer kept")
    again = await create.retry(services, caller, job, request.scope["nst.request_id"])
    return job_response(request, services, caller, again, 202)


@router.delete(
    "/{job_id}",
    operation_id="delete_job",
    summary="Delete a job",
    status_code=204,
    response_class=Response,
    responses={204: {"description": "The job and its pictures are gone."}, **refusals(404)},
)
async def delete_job(services: ServicesDep, caller: CallerDep, job_id: JobId) -> Response:
    """Cancel the job if needed, then remove its record and pictures."""
    await services.client.delete(job_id, caller.owner)
    await to_thread.run_sync(partial(services.blobs.delete_all, job_id))
    return Response(status_code=204)
