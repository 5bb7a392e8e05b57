"""Workers, for operators."""

from datetime import datetime

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from api.routes.responses import error_responses
from api.security.auth import require_operator
from api.services import ServicesDep

router = APIRouter(prefix="/v1/workers", tags=["operation"])


class WorkerView(BaseModel):
    """A live worker."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    host: str = Field(examples=["gpu-3"])
    device: str = Field(examples=["cuda:0"])
    models: list[str] = Field(description="Networks whose weights it has.", examples=[["lite", "vgg19"]])
    priorities: list[str] = Field(examples=[["interactive", "batch"]])
    state: str = Field(description="idle, busy or waiting.", examples=["busy"])
    job: str | None = Field(description="Job that it is running.")
    speed: dict[str, float] = Field(description="Measured iterations per second by network.", examples=[{"lite": 40.5}])
    memory_bytes: int | None
    version: str
    started_at: datetime
    seen_at: datetime


class WorkersView(BaseModel):
    """The live workers."""

    workers: list[WorkerView]


@router.get(
    "",
    summary="List workers (operators)",
    response_description="The live workers.",
    responses=error_responses(),
    dependencies=[Depends(require_operator)],
)
async def list_workers(services: ServicesDep) -> WorkersView:
    """Return the live workers with their devices, networks, speeds and current jobs."""
    return WorkersView(workers=[WorkerView.model_validate(worker) for worker in await services.workers.live()])
