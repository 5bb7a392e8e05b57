"""What clients see of a job: JobView is the contract, `job_view` writes it without validating what is our own."""

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from jobs.model import Job
from jobs.status import Priority, Status
from jobs.timestamps import format_rfc3339
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.presets import resolve

Link = Callable[[str], str]


class ProgressView(BaseModel):
    """How far a run has come."""

    iteration: int = Field(description="Iterations done, over all scales.")
    total: int = Field(description="Iterations planned, over all scales.")
    scale: int = Field(description="Current scale, from 1.")
    scales: int = Field(description="Number of scales.")
    width: int = Field(description="Width of the current scale in pixels.")
    height: int = Field(description="Height of the current scale in pixels.")
    loss: float | None = Field(description="Whole loss.")
    content_loss: float | None = Field(description="Weighted content loss.")
    style_loss: float | None = Field(description="Weighted style loss.")
    tv_loss: float | None = Field(description="Weighted total variation loss.")
    iterations_per_second: float | None = Field(description="Speed as measured.")
    eta_seconds: float | None = Field(description="Guess of the time left.")


class ErrorView(BaseModel):
    """Why a job failed."""

    code: str = Field(description="What went wrong, for programs.")
    message: str = Field(description="What went wrong, for people.")


class ResultView(BaseModel):
    """The finished picture as it is kept."""

    width: int
    height: int
    bytes: int
    sha256: str
    media_type: str
    iterations: int = Field(description="Iterations that were run.")
    loss: float | None = Field(description="Loss at the end.")


class UrlsView(BaseModel):
    """Where everything of a job is; picture URLs are signed where keys are on, and good for at least 15 minutes."""

    self: str
    cancel: str
    retry: str
    events: str
    content: str | None = Field(description="The photo as it was taken in.")
    style: list[str] = Field(description="The style pictures as they were taken in.")
    preview: str | None
    result: str | None
    timelapse: str | None


class JobView(BaseModel):
    """A job."""

    model_config = ConfigDict(json_schema_extra={"example": {}})

    id: str
    status: Status
    attempt: int = Field(description="How often a worker has begun the job.")
    priority: Priority
    queue_position: int | None = Field(description="Place among your waiting jobs of this priority, from 1.")
    queue_eta_seconds: float | None = Field(description="Guess of the time until it runs.")
    waiting_for: str | None = Field(description="What a waiting job lacks beside its turn, for people.")
    progress: ProgressView | None
    params: StyleConfig = Field(description="Complete parameters, defaults filled in.")
    style_names: list[str] = Field(description="Built-in styles that were asked for.")
    output_format: Literal["png", "jpeg", "webp", "tiff"]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None = Field(description="When the pictures are removed.")
    cancel_requested_at: datetime | None
    queue_seconds: float
    run_seconds: float
    expired: bool = Field(description="The pictures are gone.")
    retry_of: str | None = Field(description="The job that this one repeats.")
    request_id: str = Field(description="The request that created the job.")
    error: ErrorView | None
    result: ResultView | None
    urls: UrlsView


class JobPageView(BaseModel):
    """A page of jobs, newest first."""

    jobs: list[JobView]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last one.")


def job_path(job_id: str) -> str:
    """Return where a job is, below the root path."""
    return f"/v1/jobs/{job_id}"


def job_view(job: Job, *, link: Link, picture: Link) -> dict[str, Any]:
    """Describe a job; `link` and `picture` turn paths into URLs."""
    return {
        "id": job.id,
        "status": job.status.value,
        "attempt": job.attempt,
        "priority": job.priority.value,
        "queue_position": job.queue_position,
        "queue_eta_seconds": job.queue_eta_seconds,
        "waiting_for": waiting_for(job),
        "progress": None if job.progress is None else _fields(job.progress, ProgressView),
        "params": dict(job.params),
        "style_names": list(job.inputs.style_names),
        "output_format": job.options.output_format,
        "created_at": moment(job.created_at),
        "started_at": moment(job.started_at),
        "finished_at": moment(job.finished_at),
        "expires_at": moment(job.expires_at),
        "cancel_requested_at": moment(job.cancel_requested_at),
        "queue_seconds": job.queue_seconds,
        "run_seconds": job.run_seconds,
        "expired": job.expired,
        "retry_of": job.retry_of,
        "request_id": job.request_id,
        "error": None if job.failure is None else _fields(job.failure, ErrorView),
        "result": None if job.result is None else _fields(job.result, ResultView),
        "urls": _urls(job, link, picture),
    }


def waiting_for(job: Job) -> str | None:
    """Say what a waiting job waits for if that is more than its turn."""
    if job.serving == 0:
        return f"a worker that has the network {job.model}"
    return None


def moment(time: datetime | None) -> str | None:
    """Format a time; None stays None."""
    return None if time is None else format_rfc3339(time)


def _fields(value: Any, view: type[BaseModel]) -> dict[str, Any]:
    return {name: _finite(getattr(value, name)) for name in view.model_fields}


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _urls(job: Job, link: Link, picture: Link) -> dict[str, Any]:
    path, kept = job_path(job.id), not job.expired
    styles = range(len(job.inputs.styles)) if kept else ()
    return {
        "self": link(path),
        "cancel": link(f"{path}/cancel"),
        "retry": link(f"{path}/retry"),
        "events": link(f"{path}/events"),
        "content": picture(f"{path}/content") if kept else None,
        "style": [picture(f"{path}/style/{index}") for index in styles],
        "preview": picture(f"{path}/preview") if kept and (job.preview or job.result) else None,
        "result": picture(f"{path}/result") if kept and job.result else None,
        "timelapse": picture(f"{path}/timelapse") if kept and job.result and job.result.timelapse else None,
    }


def example_job() -> dict[str, Any]:
    """Return a job for the documentation."""
    path = "/v1/jobs/0198f1c2-a7f0-7d5a-9d0e-3a4b5c6d7e8f"
    progress = {"iteration": 120, "total": 300, "scale": 2, "scales": 3, "width": 256, "height": 171, "loss": 0.41}
    progress |= {"content_loss": 0.3, "style_loss": 0.11, "tv_loss": 0.0}
    progress |= {"iterations_per_second": 9.5, "eta_seconds": 31.0}
    return {
        "id": path.rpartition("/")[2],
        "status": "running",
        "attempt": 1,
        "priority": "interactive",
        "queue_position": None,
        "queue_eta_seconds": None,
        "waiting_for": None,
        "progress": progress,
        "params": resolve().model_dump(mode="json"),
        "style_names": ["waves"],
        "output_format": "png",
        "created_at": "2026-01-02T03:04:05.678Z",
        "started_at": "2026-01-02T03:04:06.012Z",
        "finished_at": None,
        "expires_at": None,
        "cancel_requested_at": None,
        "queue_seconds": 0.334,
        "run_seconds": 12.6,
        "expired": False,
        "retry_of": None,
        "request_id": "0f0e0d0c0b0a09080706050403020100",
        "error": None,
        "result": None,
        "urls": {
            "self": path,
            "cancel": f"{path}/cancel",
            "retry": f"{path}/retry",
            "events": f"{path}/events",
            "content": f"{path}/content",
            "style": [f"{path}/style/0"],
            "preview": f"{path}/preview",
            "result": None,
            "timelapse": None,
        },
    }
