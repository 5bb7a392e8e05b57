"""The event hub: one reader serves many listeners and keeps nothing for those that lag or leave."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from api import event_hub
from api.event_hub import EventHub, position
from jobs.errors import StoreUnavailable
from jobs.model import Event
from tests.api.conftest import until

pytestmark = pytest.mark.anyio


def event(number: int) -> Event:
    return Event(id=f"{number}-0", type="progress", data={"iteration": number})


@dataclass
class Stream:
    """A source whose events arrive when the test says so."""

    events_by_job: dict[str, list[Event]] = field(default_factory=dict)
    reads: list[tuple[Mapping[str, str], float]] = field(default_factory=list)
    reading: int = 0
    most_reading: int = 0
    failures: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, *events: Event, job: str = "a") -> None:
        self.events_by_job.setdefault(job, []).extend(events)
        self.changed.set()

    async def events(self, after: Mapping[str, str], *, block_seconds: float = 0.0) -> Mapping[str, Sequence[Event]]:
        self.reads.append((dict(after), block_seconds))
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable
        self.reading += 1
        self.most_reading = max(self.reading, self.most_reading)
        try:
            if not self._found(after) and block_seconds:
                self.changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.changed.wait(), 0.02)
            return self._found(after)
        finally:
            self.reading -= 1

    def _found(self, after: Mapping[str, str]) -> dict[str, list[Event]]:
        new = {
            job: [item for item in self.events_by_job.get(job, []) if position(item.id) > position(last)]
            for job, last in after.items()
        }
        return {job: items for job, items in new.items() if items}


async def take(source: EventHub, count: int, after: str = "0", job: str = "a") -> list[str]:
    """Listen until so many events have come."""
    ids: list[str] = []
    listener = source.listen(job, after, idle_seconds=5)
    async with asyncio.timeout(10):
        async for events in listener:
            ids += [item.id for item in events]
            if len(ids) >= count:
                break
    await listener.aclose()
    return ids


async def test_every_listener_gets_every_event_in_order() -> None:
    stream = Stream()
    hub = EventHub(stream)
    listeners = [asyncio.create_task(take(hub, 50)) for _ in range(20)]
    for number in range(1, 51):
        await asyncio.sleep(0)
        stream.add(event(number))
    expected = [f"{number}-0" for number in range(1, 51)]
    assert await asyncio.gather(*listeners) == [expected] * 20
    await hub.close()


async def test_listeners_share_one_blocking_read() -> None:
    stream = Stream()
    hub = EventHub(stream)
    jobs = [f"job-{index % 3}" for index in range(30)]
    listeners = [asyncio.create_task(take(hub, 1, job=job)) for job in jobs]
    await until(lambda: any(len(after) == 3 for after, _ in stream.reads))
    for job in set(jobs):
        stream.add(event(1), job=job)
    await asyncio.gather(*listeners)
    assert stream.most_reading == 1
    await hub.close()


async def test_a_listener_that_lags_behind_the_buffer_reads_the_rest_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_hub, "BUFFERED_EVENTS", 4)
    stream = Stream()
    hub = EventHub(stream)
    slow = hub.listen("a", "0", idle_seconds=5)
    stream.add(event(1))
    assert [item.id for item in await anext(slow)] == ["1-0"]
    quick = asyncio.create_task(take(hub, 19, after="1-0"))
    for number in range(2, 21):
        stream.add(event(number))
        await asyncio.sleep(0)
    await quick
    rest: list[str] = []
    while len(rest) < 19:
        rest += [item.id for item in await anext(slow)]
    assert rest == [f"{number}-0" for number in range(2, 21)]
    await slow.aclose()
    await hub.close()


async def test_silence_yields_no_events() -> None:
    hub = EventHub(Stream())
    listener = hub.listen("a", "0", idle_seconds=0.01)
    assert list(await anext(listener)) == []
    await listener.aclose()
    await hub.close()


async def test_every_stream_ends_when_the_service_stops() -> None:
    hub = EventHub(Stream())
    listeners = [asyncio.create_task(take(hub, 1)) for _ in range(3)]
    await until(lambda: hub.listeners == 3)
    hub.stop()
    assert await asyncio.gather(*listeners) == [[], [], []]
    await hub.close()


async def test_reading_goes_on_after_the_store_was_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_hub, "RETRY_SECONDS", 0.001)
    stream = Stream(failures=1)
    hub = EventHub(stream)
    stream.add(event(2))
    assert await take(hub, 1, after="1-0") == ["2-0"]
    assert stream.failures == 0
    await hub.close()


async def test_nothing_is_read_when_nobody_listens() -> None:
    stream = Stream()
    hub = EventHub(stream)
    stream.add(event(1))
    await take(hub, 1)
    await until(lambda: not stream.reading)  # a reader that goes on would be in its next read at once
    stream.add(event(2))
    assert await take(hub, 1, after="1-0") == ["2-0"]
    assert hub.listeners == 0
    await hub.close()
