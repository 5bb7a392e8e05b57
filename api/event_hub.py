"""Events for many listeners from one reader: a process holds one Redis connection for all its event streams."""

import asyncio
import contextlib
from bisect import bisect_right
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Protocol

from jobs.errors import JobsError
from jobs.model import Event

BLOCK_SECONDS = 0.25  # a job that nobody listened to yet joins the next read
RETRY_SECONDS = 1.0
KEPT = 256  # events of a job held in memory for all its listeners together

Position = tuple[int, int]


class Source(Protocol):
    """Where events come from; JobClient is one."""

    async def events(
        self, after: Mapping[str, str], *, block_seconds: float = 0.0, count: int = 100
    ) -> Mapping[str, Sequence[Event]]:
        """Read events of several jobs."""


def position(event_id: str) -> Position:
    """Turn the id of an event into something that can be compared."""
    milliseconds, _, number = event_id.partition("-")
    return int(milliseconds), int(number or 0)


class _Channel:
    """The latest events of one job. `start` is the place before the oldest one held."""

    def __init__(self, last_id: str) -> None:
        self.last_id = last_id
        self.start = position(last_id)
        self.listeners = 0
        self.changed = asyncio.Event()
        self._events: list[Event] = []
        self._places: list[Position] = []

    def append(self, events: Sequence[Event]) -> None:
        self._events += events
        self._places += [position(event.id) for event in events]
        self.last_id = events[-1].id
        surplus = len(self._events) - KEPT
        if surplus > 0:
            self.start = self._places[surplus - 1]
            del self._events[:surplus], self._places[:surplus]
        # Whoever waits holds the old event; the next wait is for the next change.
        self.changed.set()
        self.changed = asyncio.Event()

    def after(self, place: Position) -> list[Event] | None:
        """Return the events after a place, or None if some of them are no longer held."""
        if place < self.start:
            return None
        return self._events[bisect_right(self._places, place) :]


class EventHub:
    """Share one reader among all listeners; each keeps its own place, so a slow one misses nothing and costs little."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._channels: dict[str, _Channel] = {}
        self._reader: asyncio.Task[None] | None = None
        self._stopping = False
        self.listeners = 0

    async def batches(self, job_id: str, after: str, *, idle_seconds: float) -> AsyncGenerator[Sequence[Event], None]:
        """Yield the events of a job after an id as they come; an empty batch says that none came for a while."""
        self.listeners += 1
        channel = self._join(job_id, after)
        try:
            while not self._stopping:
                changed = channel.changed
                events: Sequence[Event] | None = channel.after(position(after))
                if events is None:
                    events = (await self._source.events({job_id: after})).get(job_id, ())
                if not events:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(changed.wait(), idle_seconds)
                        continue
                yield events
                if events:
                    after = events[-1].id
        finally:
            self.listeners -= 1
            self._leave(job_id, channel)

    def stop(self) -> None:
        """Let every listener go, to come back to another process."""
        self._stopping = True
        for channel in self._channels.values():
            channel.changed.set()

    async def close(self) -> None:
        """Stop reading."""
        self.stop()
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader

    def _join(self, job_id: str, after: str) -> _Channel:
        channel = self._channels.get(job_id)
        if channel is None:
            channel = self._channels[job_id] = _Channel(after)
        channel.listeners += 1
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read())
        return channel

    def _leave(self, job_id: str, channel: _Channel) -> None:
        channel.listeners -= 1
        if channel.listeners == 0:
            self._channels.pop(job_id, None)

    async def _read(self) -> None:
        while self._channels:
            after = {job_id: channel.last_id for job_id, channel in self._channels.items()}
            try:
                found = await self._source.events(after, block_seconds=BLOCK_SECONDS)
            except JobsError:
                await asyncio.sleep(RETRY_SECONDS)  # Redis is away; listeners get heartbeats meanwhile
                continue
            for job_id, events in found.items():
                channel = self._channels.get(job_id)
                # A channel that ended and began anew meanwhile has a place of its own.
                if channel is not None and events and channel.last_id == after[job_id]:
                    channel.append(events)
