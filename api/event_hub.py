"""Job events for many listeners: one reader, with one Redis connection, serves every event stream of a process."""

import asyncio
import contextlib
from bisect import bisect_right
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Protocol

from jobs.errors import JobsError
from jobs.model import Event

BLOCK_SECONDS = 0.25  # a job with its first listener joins the next read, so this delays its first event at most
RETRY_SECONDS = 1.0
BUFFERED_EVENTS = 256  # per job, shared by all its listeners

Position = tuple[int, int]


class EventSource(Protocol):
    """Where events come from, such as a JobStore."""

    async def events(self, after: Mapping[str, str], *, block_seconds: float = 0.0) -> Mapping[str, Sequence[Event]]:
        """Read the events of several jobs, each after the given id."""


def position(event_id: str) -> Position:
    """Return the position of an event in its stream, which can be compared."""
    milliseconds, _, number = event_id.partition("-")
    return int(milliseconds), int(number or 0)


class _Channel:
    """The latest events of one job; `start` is the position before the oldest buffered event."""

    def __init__(self, last_id: str) -> None:
        self.last_id = last_id
        self.start = position(last_id)
        self.listeners = 0
        self.changed = asyncio.Event()
        self._events: list[Event] = []
        self._positions: list[Position] = []

    def append(self, events: Sequence[Event]) -> None:
        self._events += events
        self._positions += [position(event.id) for event in events]
        self.last_id = events[-1].id
        surplus = len(self._events) - BUFFERED_EVENTS
        if surplus > 0:
            self.start = self._positions[surplus - 1]
            del self._events[:surplus], self._positions[:surplus]
        # Waiting listeners hold the old asyncio.Event; later ones wait for the next change.
        self.changed.set()
        self.changed = asyncio.Event()

    def after(self, place: Position) -> list[Event] | None:
        """Return the events after a position, or None if some of them are no longer buffered."""
        if place < self.start:
            return None
        return self._events[bisect_right(self._positions, place) :]


class EventHub:
    """Share one reader among all listeners; each keeps its own position, so a slow one misses nothing."""

    def __init__(self, source: EventSource) -> None:
        self._source = source
        self._channels: dict[str, _Channel] = {}
        self._reader: asyncio.Task[None] | None = None
        self._stopping = False
        self.listeners = 0

    async def listen(self, job_id: str, after: str, *, idle_seconds: float) -> AsyncGenerator[Sequence[Event], None]:
        """Yield the events of a job after an id as they arrive; yield () when none has arrived for `idle_seconds`."""
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
        """End every stream; the clients reconnect, to another process if there is one."""
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
                await asyncio.sleep(RETRY_SECONDS)  # Redis is not available; listeners get heartbeats meanwhile
                continue
            for job_id, events in found.items():
                channel = self._channels.get(job_id)
                # A channel that was closed and opened again during the read starts elsewhere.
                if channel is not None and events and channel.last_id == after[job_id]:
                    channel.append(events)
