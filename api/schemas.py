"""Jobs as JSON: `JobView` is the schema, and `JobSerializer` writes what it describes."""

import json
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from cachetools import LRUCache
from pydantic import BaseModel, Field

from api.urls import Urls, job_path
from jobs.model import BlobRef, Job, ResultDelivery
from jobs.status import Priority, Status
from jobs.timestamps import format_rfc3339
from nst_engine.spec.config import StyleConfig

CACHED_JOBS = 2000


class ProgressView(BaseModel):
    """Progress of a run."""

    iteration: int = Field(description="Iterations done over all scales.")
    total: int = Field(description="Iterations planned over all scales.")
    scale: int = Field(description="Current scale, from 1.")
    scales: int = Field(description="Number of scales.")
    width: int = Field(description="Width of the current scale in pixels.")
    height: int = Field(description="Height of the current scale in pixels.")
    loss: float | None = Field(description="Total loss.")
    content_loss: float | None = Field(description="Weighted content loss.")
    style_loss: float | None = Field(description="Weighted style loss.")
    tv_loss: float | None = Field(description="Weighted total variation loss.")
    iterations_per_second: float | None = Field(description="Measured speed.")
    eta_seconds: float | None = Field(description="Estimated time left.")
    frame: int | None = Field(description="Frames of a film that are finished; null for a picture.")
    frames: int | None = Field(description="Frames that the film will have; null for a picture.")


class FilmView(BaseModel):
    """The film of a job."""

    frames: int = Field(description="Frames to paint.")
    width: int = Field(description="Width of the uploaded film in pixels.")
    height: int = Field(description="Height of the uploaded film in pixels.")
    fps: float | None = Field(description="Frames a second; null for those of the film.")
    start: float | None = Field(alias="from", description="Second at which the painted part starts.")
    end: float | None = Field(alias="to", description="Second at which the painted part ends.")
    quality: int | None = Field(description="Quality of the result, 1 to 100; null for the default of its format.")


class ErrorView(BaseModel):
    """Why a job failed."""

    code: str = Field(description="What went wrong, for programs.")
    message: str = Field(description="What went wrong, for people.")


class ResultView(BaseModel):
    """The finished picture or film as it is stored."""

    width: int
    height: int
    bytes: int
    sha256: str
    media_type: str
    iterations: int = Field(description="Iterations run.")
    loss: float | None = Field(description="Loss at the end.")


class DeliveryView(BaseModel):
    """The delivery of the finished picture to `result_url`."""

    status: Literal["pending", "delivered", "failed"]
    detail: str = Field(description="Why it failed; empty otherwise.")


class UrlsView(BaseModel):
    """URLs of a job; with API keys, picture URLs are signed and valid for at least 15 minutes."""

    self: str
    cancel: str
    retry: str
    events: str
    content: str | None = Field(description="The photo as the service stores it.")
    style: list[str] = Field(description="The style pictures as the service stores them.")
    mask: list[str] = Field(description="The mask of each style as the service stores it; empty without masks.")
    style_mask: list[str] = Field(description="The mask of the part of each style that counts; empty without them.")
    preview: str | None
    result: str | None
    timelapse: str | None


class JobView(BaseModel):
    """A job."""

    id: str
    status: Status
    attempt: int = Field(description="How many times a worker has started the job.")
    priority: Priority
    queue_position: int | None = Field(
        description="Position among your queued jobs of this priority, from 1; a draft (preset `draft` with priority "
        "`batch`) comes after all your others for its network."
    )
    queue_eta_seconds: float | None = Field(
        description="Estimated time until the job runs; null for a draft while other jobs for its network wait."
    )
    waiting_for: str | None = Field(description="What a queued job waits for besides its turn, in words.")
    progress: ProgressView | None = Field(description="Progress of the current or last run.")
    params: StyleConfig = Field(
        description="Complete parameters, including defaults; empty if the pictures have been removed."
    )
    style_names: list[str] = Field(description="Built-in styles of the request.")
    output_format: Literal["png", "jpeg", "webp", "tiff", "mp4", "webm", "gif"]
    film: FilmView | None = Field(description="The film, if the content is one.")
    alpha: str = Field(description="What becomes of the photo's transparent parts.")
    created_at: datetime
    started_at: datetime | None = Field(description="When a worker last started the job.")
    finished_at: datetime | None = Field(description="When the job ended.")
    expires_at: datetime | None = Field(description="When the pictures will be removed.")
    cancel_requested_at: datetime | None = Field(description="When a client asked to cancel the job.")
    queue_seconds: float = Field(description="Seconds that the job has waited so far, all waits together.")
    run_seconds: float = Field(description="Seconds that the job has run so far, all attempts together.")
    expired: bool = Field(description="The pictures have been removed.")
    retry_of: str | None = Field(description="The job that this one retries.")
    request_id: str = Field(description="Id of the request that created the job.")
    error: ErrorView | None = Field(description="Why the job failed.")
    result: ResultView | None = Field(description="The finished picture, once the job has succeeded.")
    delivery: DeliveryView | None = Field(description="Delivery to `result_url`; null without one.")
    urls: UrlsView = Field(description="URLs of the job and its pictures.")


class JobPageView(BaseModel):
    """A page of jobs, newest first."""

    jobs: list[JobView]
    next_cursor: str | None = Field(description="Send it as `cursor` to get the next page; null on the last page.")


def job_view(job: Job, urls: Urls) -> dict[str, Any]:
    """Return a job as JobView describes it, without validating the service's own data."""
    return {
        "id": job.id,
        "status": job.status.value,
        "attempt": job.attempt,
        "priority": job.priority.value,
        "queue_position": job.queue_position,
        "queue_eta_seconds": job.queue_eta_seconds,
        "waiting_for": _waiting_for(job),
        "progress": _fields(job.progress, ProgressView),
        "params": dict(job.params),
        "style_names": list(job.inputs.style_names),
        "output_format": job.options.output_format,
        "film": _fields(job.options.film, FilmView),
        "alpha": job.options.alpha,
        "created_at": format_rfc3339(job.created_at),
        "started_at": _optional_time(job.started_at),
        "finished_at": _optional_time(job.finished_at),
        "expires_at": _optional_time(job.expires_at),
        "cancel_requested_at": _optional_time(job.cancel_requested_at),
        "queue_seconds": job.queue_seconds,
        "run_seconds": job.run_seconds,
        "expired": job.expired,
        "retry_of": job.retry_of,
        "request_id": job.request_id,
        "error": _fields(job.failure, ErrorView),
        "result": _fields(job.result, ResultView),
        "delivery": _fields(_delivery(job), DeliveryView),
        "urls": _urls(job, urls),
    }


def _delivery(job: Job) -> ResultDelivery | None:
    return job.delivery or (None if job.options.result_url is None else ResultDelivery(status="pending"))


def _waiting_for(job: Job) -> str | None:
    return f"a worker that has the network {job.model}" if job.serving == 0 else None


def _optional_time(time: datetime | None) -> str | None:
    return None if time is None else format_rfc3339(time)


def _fields(value: Any, view: type[BaseModel]) -> dict[str, Any] | None:
    return (
        None
        if value is None
        else {field.alias or name: _finite(getattr(value, name)) for name, field in view.model_fields.items()}
    )


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _urls(job: Job, urls: Urls) -> dict[str, Any]:
    path, kept = job_path(job.id), not job.expired

    def inputs(part: str, refs: Sequence[BlobRef]) -> list[str]:
        return [urls.picture(f"{path}/{part}/{index}") for index in range(len(refs))] if kept else []

    previewed = job.preview or (job.result and job.options.film is None)  # the result, which a film is not
    return {
        "self": urls.link(path),
        "cancel": urls.link(f"{path}/cancel"),
        "retry": urls.link(f"{path}/retry"),
        "events": urls.link(f"{path}/events"),
        "content": urls.picture(f"{path}/content") if kept else None,
        "style": inputs("style", job.inputs.styles),
        "mask": inputs("mask", job.inputs.masks),
        "style_mask": inputs("style_mask", job.inputs.style_masks),
        "preview": urls.picture(f"{path}/preview") if kept and previewed else None,
        "result": urls.picture(f"{path}/result") if kept and job.result else None,
        "timelapse": urls.picture(f"{path}/timelapse") if kept and job.result and job.result.timelapse else None,
    }


class JobSerializer:
    """Write jobs as JSON; a job that has not changed is not written again.

    The store returns the same object for an unchanged job, see `jobs.store.job_reader`.
    """

    def __init__(self) -> None:
        self._cache: LRUCache[tuple[str, Urls], tuple[Job, bytes]] = LRUCache(CACHED_JOBS)

    def to_json(self, job: Job, urls: Urls) -> bytes:
        """Return the JSON of a job."""
        cached = self._cache.get((job.id, urls))
        if cached is not None and cached[0] is job:
            return cached[1]
        body = json_bytes(job_view(job, urls))
        self._cache[job.id, urls] = job, body
        return body


def json_bytes(value: Any) -> bytes:
    """Write the service's own data as JSON, without validating it."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
