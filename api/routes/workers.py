"""Workers, for operators."""

from datetime import UTC, datetime

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from api.responses import error_responses
from api.security.auth import require_operator
from api.services import ServicesDep

router = APIRouter(prefix="/v1/workers", tags=["operation"])


class WorkerView(BaseModel):
    """A live worker."""

    id: str
    host: str
    device: str
    models: list[str] = Field(description="Networks whose weights it has.")
    priorities: list[str]
    state: str = Field(description="idle, busy, waiting or draining.")
    job: str | None = Field(description="Job it works on.")
    speed: dict[str, float] = Field(description="Iterations per second by network, as measured.")
    memory_bytes: int | None
    version: str
    started_at: datetime
    seen_at: datetime


class WorkersView(BaseModel):
    """The live workers."""

    workers: list[WorkerView]


@router.get(
    "",
    operation_id="list_workers",
    summary="List workers (operators)",
    responses=error_responses(),
    dependencies=[Depends(require_operator)],
)
async def list_workers(services: ServicesDep) -> WorkersView:
    """Return the live workers with device, networks, speed and current job."""
    return WorkersView(
        workers=[
            WorkerView(
                id=worker.id,
                host=worker.host,
                device=worker.device,
                models=list(worker.models),
                priorities=[priority.value for priority in worker.priorities],
                state=worker.state,
                job=worker.job,
                speed=dict(worker.speed),
                memory_bytes=worker.memory_bytes,
                version=worker.version,
                started_at=datetime.fromtimestamp(worker.started_at, UTC),
                seen_at=datetime.fromtimestamp(worker.seen_at, UTC),
            )
            for worker in await services.workers.live()
        ]
    )
