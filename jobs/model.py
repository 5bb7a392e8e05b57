"""The data model of a job: the frozen values that pass between API, store and worker."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jobs.status import Priority, Status

# A worker leaves records of a newer version in the queue. Raise this with every change after which an older worker
# would run a job wrongly, a new parameter included.
RECORD_VERSION = 4
DRAFT = "draft"  # the preset of drafts


def new_job_id(now: float | None = None) -> str:
    """Create an id that cannot be guessed and sorts by time: a UUID of version 7."""
    milliseconds = int((time.time() if now is None else now) * 1000)
    bits = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    text = f"{bits:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


@dataclass(frozen=True, kw_only=True, slots=True)
class BlobRef:
    """A stored picture: its name in the storage and its content."""

    name: str
    sha256: str
    bytes: int
    media_type: str = "application/octet-stream"


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """The pictures a job starts from.

    `masks` and `style_masks` are empty or have one per style; a built-in style has a name and no picture.
    """

    content: BlobRef
    styles: tuple[BlobRef, ...] = ()
    masks: tuple[BlobRef, ...] = ()
    style_masks: tuple[BlobRef, ...] = ()
    init_image: BlobRef | None = None
    style_names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Film:
    """What makes a job one of a film: the part that is painted, and what the API has found in the file.

    `start` and `end` are seconds; `frames` are to be painted, each of `width` times `height` pixels.
    """

    frames: int
    width: int
    height: int
    fps: float | None = None
    start: float | None = None
    end: float | None = None
    quality: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What the client wants besides the picture; `film` is None if the content is a picture."""

    output_format: str = "png"
    alpha: str = "keep"
    timelapse: bool = False
    webhook_url: str | None = None
    webhook_events: tuple[str, ...] = ("completed",)
    result_url: str | None = None
    film: Film | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """The progress of a run; `iteration` counts from 1 over all scales, and over all frames of a film.

    `frame` counts the finished frames of a film, of which it will have `frames`.
    """

    iteration: int
    total: int
    scale: int = 1
    scales: int = 1
    width: int = 0
    height: int = 0
    loss: float | None = None
    content_loss: float | None = None
    style_loss: float | None = None
    tv_loss: float | None = None
    iterations_per_second: float | None = None
    eta_seconds: float | None = None
    frame: int | None = None
    frames: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why a job failed: `code` is one of FAILURE_CODES, and `message` may be shown to the client."""

    code: str
    message: str


FAILURE_CODES: Mapping[str, str] = {
    "worker_lost": "The job lost its worker too often.",
    "out_of_memory": "The picture does not fit in the memory of the device.",
    "timeout": "The run took longer than allowed.",
    "diverged": "The optimization diverged.",
    "invalid_input": "A picture or parameter cannot be used.",
    "input_missing": "A picture of the job is no longer in the storage.",
    "weights_missing": "The weights of the network are not installed on the worker.",
    "storage_rejected": "The storage refused the result.",
    "unsupported_record": "The record of the job cannot be read.",
    "internal": "The worker met an unexpected error.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultInfo:
    """The finished picture in the requested format, and where it is stored."""

    blob: str
    width: int
    height: int
    bytes: int
    sha256: str
    media_type: str
    iterations: int = 0
    loss: float | None = None
    timelapse: BlobRef | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultDelivery:
    """The delivery of the result to the client's URL; `status` is pending, delivered or failed."""

    status: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """The latest intermediate picture of a running job; `sequence` grows with each one."""

    blob: str
    sequence: int
    iteration: int
    media_type: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NewJob:
    """A job to be created; its pictures are already stored, under names that begin with its id."""

    id: str
    owner: str
    model: str
    params: Mapping[str, Any]
    inputs: Inputs
    options: Options = field(default_factory=Options)
    priority: Priority = Priority.INTERACTIVE
    request_id: str = ""
    traceparent: str | None = None
    retry_of: str | None = None

    @property
    def is_draft(self) -> bool:
        """Tell whether the job is a draft, which goes behind all other jobs: one of the page, for example."""
        return self.priority is Priority.BATCH and self.params.get("preset") == DRAFT


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A job as its record describes it.

    `version` grows with every change and is the ETag of the state. `queue_position` counts from 1 among the waiting
    jobs of the same owner and priority; a draft comes after all others of the owner. `queue_eta_seconds` is an estimate
    from measured run times and the time left of running jobs. `serving` is the number of live workers that have the
    network of a waiting job. An `expired` job has no pictures any more.
    """

    id: str
    owner: str
    status: Status
    version: int
    model: str
    priority: Priority
    params: Mapping[str, Any]
    inputs: Inputs
    options: Options
    request_id: str
    traceparent: str | None
    retry_of: str | None
    attempt: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    cancel_requested_at: datetime | None
    expired: bool
    memory_saving: bool
    queue_seconds: float
    run_seconds: float
    queue_position: int | None
    queue_eta_seconds: float | None
    serving: int | None
    worker: str | None
    progress: Progress | None
    preview: Preview | None
    failure: Failure | None
    result: ResultInfo | None
    delivery: ResultDelivery | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class JobPage:
    """A page of jobs, newest first; `cursor` is None on the last page."""

    jobs: tuple[Job, ...]
    cursor: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One entry of a job's event stream; `id` is what a client sends back as Last-Event-ID."""

    id: str
    type: str  # status | progress | preview | completed
    data: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnerLimits:
    """Quotas of one owner; None means no limit."""

    queued: int | None = None
    running: int | None = None
    per_day: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerInfo:
    """What a live worker announces of itself; `speed` is its measured iterations per second by network."""

    id: str
    host: str
    device: str
    models: tuple[str, ...]
    priorities: tuple[Priority, ...]
    state: str = "idle"  # idle | busy | waiting
    job: str | None = None
    speed: Mapping[str, float] = field(default_factory=dict)
    memory_bytes: int | None = None
    version: str = ""
    started_at: float = 0.0
    seen_at: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Stats:
    """Counts of the whole service; `totals` holds counters that only grow, such as "created", "failed:worker_lost"."""

    waiting: Mapping[tuple[str, Priority], int]
    running: int
    workers: int
    totals: Mapping[str, float]
