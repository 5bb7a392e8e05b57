"""Jobs as the service reports them. Fields that this version does not know stay in `raw`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

ENDED = frozenset({"succeeded", "failed", "canceled"})


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The progress of a run; for a film, `frame` counts the finished ones of its `frames`."""

    iteration: int
    total: int
    loss: float | None
    eta_seconds: float | None
    frame: int | None = None
    frames: int | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Progress:
        """Read the service's JSON."""
        return cls(
            iteration=int(data.get("iteration") or 0),
            total=int(data.get("total") or 0),
            loss=data.get("loss"),
            eta_seconds=data.get("eta_seconds"),
            frame=data.get("frame"),
            frames=data.get("frames"),
        )


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result image, without its pixels."""

    width: int
    height: int
    bytes: int
    sha256: str
    media_type: str


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job; `status` is queued, running, succeeded, failed or canceled.

    `waiting_for` explains what a queued job waits for besides its turn. `raw` is the service's JSON.
    """

    id: str
    status: str
    progress: Progress | None = None
    queue_position: int | None = None
    waiting_for: str | None = None
    result: Result | None = None
    error_code: str | None = None
    error_message: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def has_ended(self) -> bool:
        """Tell whether the job has succeeded, failed or been canceled."""
        return self.status in ENDED

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Job:
        """Read the service's JSON."""
        progress, result, error = data.get("progress"), data.get("result"), data.get("error") or {}
        return cls(
            id=str(data["id"]),
            status=str(data["status"]),
            progress=Progress.from_json(progress) if progress else None,
            queue_position=data.get("queue_position"),
            waiting_for=data.get("waiting_for"),
            result=Result(**{item.name: result[item.name] for item in fields(Result)}) if result else None,
            error_code=error.get("code"),
            error_message=error.get("message"),
            params=data.get("params") or {},
            raw=data,
        )


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of jobs, newest first, and the cursor of the next page."""

    jobs: tuple[Job, ...]
    next_cursor: str | None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Page:
        """Read the service's JSON."""
        return cls(jobs=tuple(Job.from_json(job) for job in data["jobs"]), next_cursor=data.get("next_cursor"))


@dataclass(frozen=True, kw_only=True)
class Painted:
    """A result: the bytes of the image file, and the job that made it."""

    data: bytes
    job: Job

    def save(self, path: str | Path) -> None:
        """Write the image file."""
        Path(path).write_bytes(self.data)
