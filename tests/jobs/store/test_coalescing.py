"""Coalesced reads."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from jobs.store.coalescing import MAX_ITEMS, READS, RequestCoalescer

pytestmark = pytest.mark.anyio


class Slow:
    """Squares numbers once the gate is open, and records the items of each read."""

    def __init__(self) -> None:
        self.asked: list[Sequence[int]] = []
        self.gate = asyncio.Event()

    async def read(self, items: Sequence[int]) -> Sequence[int]:
        self.asked.append(items)
        await self.gate.wait()
        if 0 in items:
            raise ZeroDivisionError
        return [item * item for item in items]


async def ask(batches: RequestCoalescer[int, int], *items: int) -> list[asyncio.Task[int]]:
    """Ask for items and let the reads begin."""
    tasks = [asyncio.create_task(batches.get(item)) for item in items]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_what_is_asked_for_at_once_is_read_at_once_and_the_same_thing_once() -> None:
    slow = Slow()
    slow.gate.set()
    tasks = await ask(RequestCoalescer(slow.read), 3, 4, 3)
    assert await asyncio.gather(*tasks) == [9, 16, 9]
    assert slow.asked == [(3, 4)]


async def test_what_comes_during_a_read_is_read_after_it_and_together() -> None:
    slow = Slow()
    batches = RequestCoalescer(slow.read)
    tasks = [task for item in range(1, READS + 4) for task in await ask(batches, item)]
    assert len(slow.asked) == READS
    slow.gate.set()
    assert await asyncio.gather(*tasks) == [item * item for item in range(1, READS + 4)]
    assert slow.asked[READS:] == [tuple(range(READS + 1, READS + 4))]


async def test_a_thing_that_is_being_read_is_read_again_for_who_asks_later() -> None:
    slow = Slow()
    batches = RequestCoalescer(slow.read)
    tasks = [*await ask(batches, 5), *await ask(batches, 5)]
    slow.gate.set()
    await asyncio.gather(*tasks)
    assert slow.asked == [(5,), (5,)]


async def test_an_error_reaches_everyone_of_the_batch_and_no_other() -> None:
    slow = Slow()
    batches = RequestCoalescer(slow.read)
    failing, well = await ask(batches, 0, 1), await ask(batches, 2)
    slow.gate.set()
    found = await asyncio.gather(*failing, *well, return_exceptions=True)
    assert [type(answer) for answer in found] == [ZeroDivisionError, ZeroDivisionError, int]


async def test_who_gives_up_does_not_end_the_others_read() -> None:
    slow = Slow()
    given_up, waiting = await ask(RequestCoalescer(slow.read), 6, 7)
    given_up.cancel()
    await asyncio.sleep(0)
    slow.gate.set()
    assert await waiting == 49
    assert given_up.cancelled()


async def test_a_batch_has_a_bound() -> None:
    slow = Slow()
    slow.gate.set()
    await asyncio.gather(*await ask(RequestCoalescer(slow.read), *range(1, MAX_ITEMS + 2)))
    assert [len(items) for items in slow.asked] == [MAX_ITEMS, 1]
