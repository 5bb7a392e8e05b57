"""Log lines for people: the services write JSON, a terminal shows time, level, what happened, and the rest."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

UNSAID = {"timestamp", "level", "logger", "event", "request_id"}


def readable(line: str) -> str:
    """Return a JSON log line as text; any other line as it is."""
    try:
        told = json.loads(line)
    except ValueError:
        return line
    if not isinstance(told, dict) or "event" not in told:
        return line
    rest = " ".join(f"{name}={value}" for name, value in told.items() if name not in UNSAID and value is not None)
    return " ".join(part for part in (_time(told), _level(told), str(told["event"]), rest) if part)


def _time(told: dict[str, Any]) -> str:
    try:
        return datetime.fromisoformat(str(told.get("timestamp"))).astimezone().strftime("%H:%M:%S")
    except ValueError:
        return ""


def _level(told: dict[str, Any]) -> str:
    level = str(told.get("level", "info"))
    return "" if level == "info" else level.upper()
