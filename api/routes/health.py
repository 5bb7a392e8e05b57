"""Health, readiness and metrics of the service."""

from anyio import to_thread
from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from api.metrics import MEDIA_TYPE
from api.problems import ProblemError
from api.routes.responses import error_responses
from api.security.auth import require_operator
from api.services import ServicesDep
from jobs.errors import JobsError

router = APIRouter(tags=["operation"])


class HealthView(BaseModel):
    """The answer of the health checks."""

    status: str = Field("ok", examples=["ok"])


@router.get("/healthz", summary="Check that the process is up", response_description="The process is up.")
async def get_health() -> HealthView:
    """Answer as long as the process serves requests, without checking Redis or the storage."""
    return HealthView(status="ok")


@router.get(
    "/readyz",
    summary="Check that jobs can be accepted",
    response_description="The service accepts jobs.",
    responses={503: error_responses()[503]},
)
async def get_readiness(services: ServicesDep) -> HealthView:
    """Check the job store and the storage; a 503 names what is down."""
    down = []
    if services.draining:
        down.append("draining")
    try:
        await services.store.ping()
    except JobsError:
        down.append("redis")
    try:
        await to_thread.run_sync(services.blobs.check)
    except JobsError:
        down.append("storage")
    if down:
        raise ProblemError(503, "not_ready", f"not ready: {', '.join(down)}", headers={"Retry-After": "5"})
    return HealthView(status="ok")


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    dependencies=[Depends(require_operator)],
    response_class=Response,
    responses={
        200: {
            "description": "Metrics.",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": "nst_jobs_running 2.0\n"}},
        },
        **error_responses(),
    },
)
async def get_metrics(services: ServicesDep) -> Response:
    """Return metrics of requests, jobs and workers, for operators."""
    stats, workers = await services.store.stats(), await services.workers.live()
    services.metrics.listeners.set(services.event_hub.listeners)
    return Response(services.metrics.page(stats, workers), media_type=MEDIA_TYPE)
