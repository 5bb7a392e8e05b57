"""Jobs as the service describes them; what this release does not know is passed over, and kept in `raw`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ENDED = frozenset({"succeeded", "failed", "canceled"})


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run has come."""

    iteration: int
    total: int
    loss: float | None
    eta_seconds: float | None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Progress:
        """Read what the service tells."""
        return cls(
            iteration=int(told.get("iteration") or 0),
            total=int(told.get("total") or 0),
            loss=told.get("loss"),
            eta_seconds=told.get("eta_seconds"),
        )


@dataclass(frozen=True, kw_only=True)
class Result:
    """The finished picture, without its pixels."""

    width: int
    height: int
    bytes: int
    sha256: str
    media_type: str


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job; `status` is queued, running, succeeded, failed or canceled.

    `waiting_for` says what a queued job lacks beside its turn, for people.
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
        """Tell whether nothing more will happen to it."""
        return self.status in ENDED

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Job:
        """Read what the service tells."""
        progress, result, error = told.get("progress"), told.get("result"), told.get("error") or {}
        return cls(
            id=str(told["id"]),
            status=str(told["status"]),
            progress=Progress.of(progress) if progress else None,
            queue_position=told.get("queue_position"),
            waiting_for=told.get("waiting_for"),
            result=Result(**{name: result[name] for name in Result.__dataclass_fields__}) if result else None,
            error_code=error.get("code"),
            error_message=error.get("message"),
            params=told.get("params") or {},
            raw=told,
        )


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some of the jobs, newest first, and the cursor of the next page."""

    jobs: tuple[Job, ...]
    next_cursor: str | None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Page:
        """Read what the service tells."""
        return cls(jobs=tuple(Job.of(job) for job in told["jobs"]), next_cursor=told.get("next_cursor"))
