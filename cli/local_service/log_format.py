"""Log lines for people: JSON becomes time, level, event and values."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

HIDDEN = {"timestamp", "level", "logger", "event", "request_id"}  # shown otherwise, or of no use in a terminal


def format_line(line: str) -> str:
    """Format a line of JSON as text; return any other line unchanged."""
    try:
        record = json.loads(line)
    except ValueError:
        return line
    if not isinstance(record, dict) or "event" not in record:
        return line
    values = " ".join(f"{name}={value}" for name, value in record.items() if name not in HIDDEN and value is not None)
    return " ".join(part for part in (_time(record), _level(record), str(record["event"]), values) if part)


def _time(record: dict[str, Any]) -> str:
    try:
        return datetime.fromisoformat(str(record.get("timestamp"))).astimezone().strftime("%H:%M:%S")
    except ValueError:
        return ""


def _level(record: dict[str, Any]) -> str:
    level = str(record.get("level", "info"))
    return "" if level == "info" else level.upper()
