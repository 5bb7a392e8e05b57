"""Log lines for people: JSON becomes time, level, event and values."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

HIDDEN = {"timestamp", "level", "logger", "event", "request_id"}  # shown otherwise, or of no use in a terminal

TRACEBACK = "exception"
CONTINUATION = "\n       : "  # before the lines of a traceback, unlike the source before a line


def format_line(line: str) -> str:
    """Format a line of JSON as text; return any other line as it is, but with control characters escaped."""
    try:
        record = json.loads(line)
    except ValueError:
        return printable(line)
    if not isinstance(record, dict) or "event" not in record:
        return printable(line)
    shown = {name: value for name, value in record.items() if name not in HIDDEN | {TRACEBACK} and value is not None}
    values = " ".join(f"{name}={value}" for name, value in shown.items())
    parts = (_time(record), _level(record), str(record["event"]), values)
    lines = [" ".join(part for part in parts if part), *str(record.get(TRACEBACK) or "").splitlines()]
    return CONTINUATION.join(printable(text) for text in lines)


def printable(text: str) -> str:
    """Escape control and invisible characters, so that a logged value cannot imitate a line or move the cursor."""
    return "".join(char if char.isprintable() or char == "\t" else _escape(char) for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def _time(record: dict[str, Any]) -> str:
    try:
        return datetime.fromisoformat(str(record.get("timestamp"))).astimezone().strftime("%H:%M:%S")
    except ValueError:
        return ""


def _level(record: dict[str, Any]) -> str:
    level = str(record.get("level", "info"))
    return "" if level == "info" else level.upper()
