"""The Lua scripts: every change of a record is one of them, so that it happens completely or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import redis.asyncio
from redis import Redis
from redis.asyncio.client import Pipeline

from jobs.connections import store_errors
from jobs.model import RECORD_VERSION
from jobs.settings import JobSettings
from jobs.status import TRANSITIONS

PREFIX = "nst:"
BATCH_TURN = 4  # every fourth job of an owner is a batch job, even if interactive ones wait
EVENT_LIMIT = 500  # events kept of a running job
ENDED_EVENTS = 64  # events kept of an ended job: a busy API with hundreds of listeners may be seconds behind
EVENT_TTL = 60_000  # for how long, in milliseconds
GONE_TTL = 3600 * 1000  # longer than any request waits before it writes a record
DAY = 24 * 3600 * 1000
USAGE_TTL = 400 * DAY  # for a year and the month in which it is billed


class Scripts:
    """Some of the scripts, for a synchronous client."""

    def __init__(self, client: Redis, settings: JobSettings, *names: str) -> None:
        self._scripts = {name: client.register_script(_source(name, settings)) for name in names}

    def run(self, name: str, **arguments: Any) -> Any:
        """Run a script with named arguments and return its reply; raise StoreUnavailable."""
        with store_errors():
            return self._scripts[name](args=[_pack(arguments)])


class AsyncScripts:
    """Some of the scripts, for an asynchronous client."""

    def __init__(self, client: redis.asyncio.Redis, settings: JobSettings, *names: str) -> None:
        self._scripts = {name: client.register_script(_source(name, settings)) for name in names}

    async def run(self, name: str, **arguments: Any) -> Any:
        """Run a script with named arguments and return its reply; raise StoreUnavailable."""
        with store_errors():
            return await self._scripts[name](args=[_pack(arguments)])

    async def add_to(self, pipe: Pipeline, name: str, **arguments: Any) -> None:
        """Let a pipeline run a script with named arguments."""
        await self._scripts[name](args=[_pack(arguments)], client=pipe)


def key(*parts: str) -> str:
    """Build a Redis key in the same way as the scripts."""
    return PREFIX + ":".join(parts)


def milliseconds(seconds: float) -> int:
    """Convert seconds to whole milliseconds, the unit of the scripts."""
    return max(1, round(seconds * 1000))


def _source(name: str, settings: JobSettings) -> str:
    """Put a script together from the constants, the functions that all scripts share, and its own text."""
    folder = files("jobs") / "store" / "lua"
    shared = (folder / "common.lua").read_text("utf-8")
    own = (folder / f"{name}.lua").read_text("utf-8")
    return "\n".join((_constants(settings), shared, own))


def _pack(arguments: Mapping[str, Any]) -> str:
    """Encode the arguments of a script, without those that are None."""
    return json.dumps({name: value for name, value in arguments.items() if value is not None}, separators=(",", ":"))


def _constants(settings: JobSettings) -> str:
    moves = ", ".join(
        f"{state} = {{{', '.join(f'{other} = true' for other in sorted(others))}}}"
        for state, others in TRANSITIONS.items()
    )
    values = {
        "PREFIX": f"'{PREFIX}'",
        "RECORD_VERSION": RECORD_VERSION,
        "MOVES": f"{{{moves}}}",
        "BATCH_TURN": BATCH_TURN,
        "EVENT_LIMIT": EVENT_LIMIT,
        "ENDED_EVENTS": ENDED_EVENTS,
        "EVENT_TTL": EVENT_TTL,
        "GONE_TTL": GONE_TTL,
        "DAY": DAY,
        "USAGE_TTL": USAGE_TTL,
        "RESULT_TTL": milliseconds(settings.result_ttl_seconds),
        "TOMBSTONE_TTL": milliseconds(settings.tombstone_ttl_seconds),
    }
    return "\n".join(f"local {name} = {value}" for name, value in values.items())
