"""Jobs: create, get, list, cancel, retry and delete."""

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from api.docs.request_body import CREATE_BODY
from api.long_poll import preferred_wait
from api.problems import ProblemError
from api.routes.fast_route import FastRoute
from api.routes.responses import error_responses, if_none_match_header, job_response, urls_for, whole_header
from api.schemas import JobPageView, JobView, job_view, json_bytes
from api.security.auth import CallerDep
from api.security.caller import Caller
from api.services import Services, ServicesDep
from api.submission.idempotency import check_keys, earlier_job, reserved_key, retry_fingerprint
from jobs.model import Job
from jobs.status import Status
from jobs.store.idempotency import Idempotency
from jobs.tracing import span

ID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

JobId = Annotated[
    str, Path(description="Id of the job.", max_length=64, examples=["0198f1c2-a7f0-7d5a-9d0e-3a4b5c6d7e8f"])
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        description="For 24 hours, the same key and request return the same job.",
        max_length=255,
        json_schema_extra={"pattern": "^[!-~]{1,255}$"},  # `check_keys` refuses others with its own code
    ),
]
router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.post(
    "",
    summary="Create a job",
    status_code=202,
    response_model=JobView,
    responses={
        200: {"model": JobView, "description": "`Prefer: wait` was given and the job has ended."},
        202: {"description": "The job is queued; `Location` is its URL."},
        **error_responses(400, 404, 408, 409, 410, 413, 415, 429, 507),
    },
    openapi_extra=CREATE_BODY,
)
async def create_job(
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    idempotency_key: IdempotencyKey = None,
    prefer: Annotated[  # noqa: ARG001  # it documents the header
        str | None, Header(description="`wait=N`: answer when the job has ended or after N seconds, at most 60.")
    ] = None,
    traceparent: Annotated[  # noqa: ARG001  # it documents the header
        str | None, Header(description="Trace context (W3C), passed on to the worker and the webhook.")
    ] = None,
) -> Response:
    """Queue a photo for stylizing, with one or more style pictures or a built-in style."""
    await services.rate_limits.count_create(caller.owner)
    check_keys(request.headers.getlist("idempotency-key"))
    with services.uploads.hold(caller.owner):
        job = await _create(request, services, caller, idempotency_key)
    seconds = preferred_wait(whole_header(request, "prefer"))
    job = await services.long_poll.wait_until_ended(job, caller, seconds)
    status = 200 if seconds and job.status.is_terminal else 202
    return job_response(request, services, caller, job, status)


async def _create(request: Request, services: Services, caller: Caller, key: str | None) -> Job:
    await to_thread.run_sync(services.blobs.check)  # a full disk is reported before the body is received
    async with (
        reserved_key(services.store, caller.owner, key) as earlier,
        services.job_requests.received(request) as job_request,
    ):
        if earlier is not None:
            return await earlier_job(services.store, caller.owner, earlier, job_request.fingerprint)
        idempotency = None if key is None else Idempotency(key=key, fingerprint=job_request.fingerprint)
        request_id = request.scope["nst.request_id"]
        with span("create job", request.headers.get("traceparent"), kind="PRODUCER") as traceparent:
            return await services.job_creator.create(
                job_request, caller, request_id=request_id, traceparent=traceparent, idempotency=idempotency
            )


@router.get(
    "",
    summary="List your jobs",
    response_description="A page of jobs.",
    response_model=JobPageView,
    responses=error_responses(),
)
async def list_jobs(
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    status: Annotated[Status | None, Query(description="Only jobs with this status.")] = None,
    cursor: Annotated[
        str | None, Query(description="`next_cursor` of the previous page.", pattern=f"^{ID}$", max_length=64)
    ] = None,
    limit: Annotated[int, Query(description="Maximum number of jobs on a page.", ge=1, le=100)] = 20,
) -> Response:
    """Return your jobs, newest first."""
    page = await services.store.list(caller.owner, status=status, cursor=cursor, limit=limit)
    urls = urls_for(request, services, caller)
    body = json_bytes({"jobs": [job_view(job, urls) for job in page.jobs], "next_cursor": page.cursor})
    return Response(body, media_type="application/json", headers={"Cache-Control": "private, no-cache"})


async def get_job(request: Request, services: ServicesDep, caller: CallerDep, job_id: JobId) -> Response:
    """Return the state of a job; clients may poll it every second."""
    job = await services.store.get(job_id, caller.owner)
    return job_response(request, services, caller, job)


router.add_api_route(
    "/{job_id}",
    get_job,
    methods=["GET"],
    summary="Get a job",
    response_description="The job.",
    response_model=JobView,
    responses={
        304: {"description": "The job has not changed since the ETag in If-None-Match."},
        **error_responses(404, 409),
    },
    dependencies=[Depends(if_none_match_header)],
    route_class_override=FastRoute,
)


@router.post(
    "/{job_id}/cancel",
    summary="Cancel a job",
    response_model=JobView,
    responses={
        200: {"description": "The job is canceled."},
        202: {"model": JobView, "description": "The job is running and stops within two seconds plus one iteration."},
        **error_responses(404, 409),
    },
)
async def cancel_job(request: Request, services: ServicesDep, caller: CallerDep, job_id: JobId) -> Response:
    """End a queued job at once, or tell the worker to stop a running one; operators may cancel every job."""
    job = await services.store.cancel(job_id, None if caller.operator else caller.owner)
    return job_response(request, services, caller, job, 200 if job.status is Status.CANCELED else 202)


@router.post(
    "/{job_id}/retry",
    summary="Retry a job",
    status_code=202,
    response_model=JobView,
    responses={
        202: {"description": "A new job with the same inputs is queued."},
        **error_responses(404, 409, 410, 429, 507),
    },
)
async def retry_job(
    request: Request, services: ServicesDep, caller: CallerDep, job_id: JobId, idempotency_key: IdempotencyKey = None
) -> Response:
    """Create a new job with the inputs and parameters of one that has ended, unless its pictures have been removed."""
    await services.rate_limits.count_create(caller.owner)
    check_keys(request.headers.getlist("idempotency-key"))
    fingerprint = retry_fingerprint(job_id)
    async with reserved_key(services.store, caller.owner, idempotency_key) as earlier:
        if earlier is not None:
            job = await earlier_job(services.store, caller.owner, earlier, fingerprint)
        else:
            idempotency = None if idempotency_key is None else Idempotency(key=idempotency_key, fingerprint=fingerprint)
            job = await _retry(request, services, caller, job_id, idempotency)
    return job_response(request, services, caller, job, 202)


async def _retry(
    request: Request, services: Services, caller: Caller, job_id: str, idempotency: Idempotency | None
) -> Job:
    job = await services.store.get(job_id, caller.owner)
    if not job.status.is_terminal:
        raise ProblemError(409, "wrong_state", f"a job that is {job.status} cannot be retried")
    if job.expired:
        raise ProblemError(410, "inputs_gone", "the pictures of this job have been removed")
    request_id = request.scope["nst.request_id"]
    with span("retry job", request.headers.get("traceparent"), kind="PRODUCER") as traceparent:
        return await services.job_creator.retry(
            job, caller, request_id=request_id, traceparent=traceparent, idempotency=idempotency
        )


@router.delete(
    "/{job_id}",
    summary="Delete a job",
    status_code=204,
    response_class=Response,
    responses={204: {"description": "The job and its pictures have been deleted."}, **error_responses(404)},
)
async def delete_job(services: ServicesDep, caller: CallerDep, job_id: JobId) -> Response:
    """Cancel the job if it has not ended, then delete its record and pictures; operators may delete every job."""
    await services.store.delete(job_id, None if caller.operator else caller.owner)
    await to_thread.run_sync(services.blobs.delete_all, job_id)
    return Response(status_code=204)
