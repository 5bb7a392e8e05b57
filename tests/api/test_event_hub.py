"""The hub: one reader, many listeners, and nothing kept for one who lags."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from api import event_hub
from api.event_hub import EventHub
from jobs.errors import StoreUnavailable
from jobs.model import Event

pytestmark = pytest.mark.anyio


def event(number: int) -> Event:
    return Event(id=f"{number}-0", type="progress", data={"iteration": number})


@dataclass
class Stream:
    """A source whose events come when the test says so."""

    events_by_job: dict[str, list[Event]] = field(default_factory=dict)
    reads: list[tuple[Mapping[str, str], float]] = field(default_factory=list)
    away: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, *events: Event, job: str = "a") -> None:
        self.events_by_job.setdefault(job, []).extend(events)
        self.changed.set()

    async def events(
        self, after: Mapping[str, str], *, block_seconds: float = 0.0, count: int = 100
    ) -> Mapping[str, Sequence[Event]]:
        self.reads.append((dict(after), block_seconds))
        if self.away:
            self.away -= 1
            raise StoreUnavailable
        found = self._found(after, count)
        if not found and block_seconds:
            self.changed.clear()
            await asyncio.wait([asyncio.create_task(self.changed.wait())], timeout=0.02)
            found = self._found(after, count)
        return found

    def _found(self, after: Mapping[str, str], count: int) -> dict[str, list[Event]]:
        new = {
            job: [
                item
                for item in self.events_by_job.get(job, [])
                if event_hub.position(item.id) > event_hub.position(last)
            ][:count]
            for job, last in after.items()
        }
        return {job: items for job, items in new.items() if items}


async def take(source: EventHub, count: int, after: str = "0", job: str = "a") -> list[str]:
    """Listen until so many events have come."""
    ids: list[str] = []
    stream_of_events = source.listen(job, after, idle_seconds=5)
    async with asyncio.timeout(10):
        async for batch in stream_of_events:
            ids += [item.id for item in batch]
            if len(ids) >= count:
                break
    await stream_of_events.aclose()
    return ids


async def test_every_listener_gets_every_event_in_order() -> None:
    stream = Stream()
    found = EventHub(stream)
    listeners = [asyncio.create_task(take(found, 50)) for _ in range(20)]
    for number in range(1, 51):
        await asyncio.sleep(0)
        stream.add(event(number))
    expected = [f"{number}-0" for number in range(1, 51)]
    assert await asyncio.gather(*listeners) == [expected] * 20
    await found.close()


async def test_listeners_share_one_blocking_read() -> None:
    stream = Stream()
    found = EventHub(stream)
    jobs = [f"job-{index % 3}" for index in range(30)]
    listeners = [asyncio.create_task(take(found, 1, job=job)) for job in jobs]
    await asyncio.sleep(0.05)
    for job in set(jobs):
        stream.add(event(1), job=job)
    await asyncio.gather(*listeners)
    blocking = [after for after, seconds in stream.reads if seconds]
    assert max(len(after) for after in blocking) == 3
    await found.close()


async def test_one_who_lags_behind_what_is_kept_reads_the_rest_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_hub, "BUFFERED_EVENTS", 4)
    stream = Stream()
    found = EventHub(stream)
    slow = found.listen("a", "0", idle_seconds=5)
    stream.add(event(1))
    assert [item.id for item in await anext(slow)] == ["1-0"]
    quick = asyncio.create_task(take(found, 19, after="1-0"))
    for number in range(2, 21):
        stream.add(event(number))
        await asyncio.sleep(0)
    await quick
    rest: list[str] = []
    while len(rest) < 19:
        rest += [item.id for item in await anext(slow)]
    assert rest == [f"{number}-0" for number in range(2, 21)]
    await slow.aclose()
    await found.close()


async def test_silence_is_an_empty_batch() -> None:
    found = EventHub(Stream())
    stream_of_events = found.listen("a", "0", idle_seconds=0.01)
    assert list(await anext(stream_of_events)) == []
    await stream_of_events.aclose()
    await found.close()


async def test_listeners_are_let_go_when_the_service_ends() -> None:
    found = EventHub(Stream())
    listeners = [asyncio.create_task(take(found, 1)) for _ in range(3)]
    await asyncio.sleep(0.02)
    found.stop()
    assert await asyncio.gather(*listeners) == [[], [], []]
    await found.close()


async def test_a_store_that_was_away_is_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_hub, "RETRY_SECONDS", 0.001)
    stream = Stream()
    found = EventHub(stream)
    listener = asyncio.create_task(take(found, 1, after="1-0"))
    await asyncio.sleep(0.03)
    stream.away = 1
    stream.add(event(2))
    assert await listener == ["2-0"]
    await found.close()
