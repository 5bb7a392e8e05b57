"""Usage as the service reports it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What one key used on one day (UTC)."""

    key: str
    day: date
    jobs: int
    pixels: int
    device_seconds: float

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Usage:
        """Read the service's JSON."""
        return cls(
            key=str(data["key"]),
            day=date.fromisoformat(data["day"]),
            jobs=int(data["jobs"]),
            pixels=int(data["pixels"]),
            device_seconds=float(data["device_seconds"]),
        )
