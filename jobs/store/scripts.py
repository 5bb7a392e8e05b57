"""The Lua scripts: every change of a record is one of them, so that it happens whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jobs.model import OLDEST_RECORD, RECORD_VERSION
from jobs.settings import JobSettings
from jobs.status import TRANSITIONS

PREFIX = "nst:"
ENDED_EVENTS = 64  # kept of an ended job for a minute: a busy API with hundreds of listeners may be seconds behind


def key(*parts: str) -> str:
    """Build a Redis key as the scripts do."""
    return PREFIX + ":".join(parts)


def source(name: str, settings: JobSettings) -> str:
    """Return the whole text of a script: constants, what all share, its own part."""
    folder = files("jobs") / "store" / "lua"
    shared = (folder / "common.lua").read_text("utf-8")
    own = (folder / f"{name}.lua").read_text("utf-8")
    return "\n".join((_constants(settings), shared, own))


def pack(arguments: Mapping[str, Any]) -> str:
    """Encode the named arguments of a script; those that are None are left out."""
    return json.dumps({name: value for name, value in arguments.items() if value is not None}, separators=(",", ":"))


def milliseconds(seconds: float) -> int:
    """Turn seconds into the whole milliseconds that the scripts count in."""
    return max(1, round(seconds * 1000))


def _constants(settings: JobSettings) -> str:
    moves = ", ".join(
        f"{state} = {{{', '.join(f'{other} = true' for other in sorted(others))}}}"
        for state, others in TRANSITIONS.items()
    )
    values = {
        "PREFIX": f"'{PREFIX}'",
        "OLDEST_RECORD": OLDEST_RECORD,
        "RECORD_VERSION": RECORD_VERSION,
        "MOVES": f"{{{moves}}}",
        "BATCH_TURN": settings.batch_turn,
        "EVENT_LIMIT": settings.event_limit,
        "ENDED_EVENTS": ENDED_EVENTS,
        "EVENT_TTL": milliseconds(settings.event_ttl_seconds),
        "RESULT_TTL": milliseconds(settings.result_ttl_seconds),
        "TOMBSTONE_TTL": milliseconds(settings.tombstone_ttl_seconds),
    }
    return "\n".join(f"local {name} = {value}" for name, value in values.items())
