"""Reads gathered into batches: those that come while others are under way share one round trip."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
READS = 2  # under way at a time: while Redis answers one batch, the next is on its way
MOST = 200  # things in one read, so that no batch keeps Redis from others for long


class Batches(Generic[K, V]):
    """Read single things through a function that reads many; the same thing asked for twice is read once.

    A read begins after it was asked for, so that it sees every change that was made before.
    """

    def __init__(self, read: Callable[[Sequence[K]], Awaitable[Sequence[V]]]) -> None:
        self._read = read
        self._turns = asyncio.Semaphore(READS)
        self._gathering: tuple[dict[K, int], asyncio.Task[Sequence[V]]] | None = None

    async def get(self, item: K) -> V:
        """Return what is read for an item; what the function raises, everyone of the batch gets."""
        if self._gathering is None or len(self._gathering[0]) >= MOST:
            items: dict[K, int] = {}
            self._gathering = items, asyncio.create_task(self._read_all(items))
        items, reading = self._gathering
        place = items.setdefault(item, len(items))
        # Whoever gives up must not end the others' read.
        return (await asyncio.shield(reading))[place]

    async def _read_all(self, items: dict[K, int]) -> Sequence[V]:
        async with self._turns:
            await asyncio.sleep(0)  # those whose requests have arrived come along
            if self._gathering is not None and self._gathering[0] is items:
                self._gathering = None
            return await self._read(tuple(items))
