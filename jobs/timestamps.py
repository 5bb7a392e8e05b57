"""Timestamps as RFC 3339 text."""

from __future__ import annotations

from datetime import UTC, datetime


def format_rfc3339(time: datetime) -> str:
    """Format an aware time in UTC, to the millisecond: 2026-01-02T03:04:05.678Z."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
