"""Usage: what each API key has used on each day (UTC). The scripts of the job store count it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from redis.asyncio import Redis

from jobs.connections import store_errors
from jobs.store.scripts import key

EPOCH = date(1970, 1, 1)
COUNTERS = ("jobs", "pixels", "device_ms")


@dataclass(frozen=True, kw_only=True, slots=True)
class DayUsage:
    """What one key used on one day.

    `jobs` counts the accepted jobs, `pixels` those of the finished pictures, `device_seconds` the time of all attempts.
    A job counts on the day it was accepted, its picture and its attempts on the day they ended.
    """

    key: str
    day: date
    jobs: int
    pixels: int
    device_seconds: float


class UsageReader:
    """Reads the usage from Redis; raises StoreUnavailable if Redis does not answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis

    async def read(self, since: date, until: date, *, owner: str | None = None) -> tuple[DayUsage, ...]:
        """Return the usage of one owner, or of all, oldest day first; days without usage are left out."""
        days = [since + timedelta(days=number) for number in range((until - since).days + 1)]
        fields = [f"{owner}|{counter}" for counter in COUNTERS]
        with store_errors():
            pipe = self._redis.pipeline(transaction=False)
            for day in days:
                name = key("usage", str((day - EPOCH).days))
                _ = pipe.hgetall(name) if owner is None else pipe.hmget(name, fields)
            answers = await pipe.execute()
        if owner is not None:
            answers = [dict(zip(fields, values, strict=True)) for values in answers]
        return tuple(item for day, answer in zip(days, answers, strict=True) for item in _day_usage(day, answer))


def _day_usage(day: date, fields: Mapping[str, str | None]) -> Iterator[DayUsage]:
    """Yield the usage of each key from the fields `KEY|COUNTER` of a day."""
    counts = {name: int(value) for name, value in fields.items() if value is not None}
    for owner in sorted({name.rpartition("|")[0] for name in counts}):
        jobs, pixels, device_ms = (counts.get(f"{owner}|{counter}", 0) for counter in COUNTERS)
        yield DayUsage(key=owner, day=day, jobs=jobs, pixels=pixels, device_seconds=device_ms / 1000)
