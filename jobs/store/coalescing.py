"""Reads gathered into batches: those that come while others are under way share one round trip."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from functools import partial
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
READS = 2  # under way at a time: while Redis answers one batch, the next is on its way
MOST = 200  # things in one read, so that no batch keeps Redis from others for long

Waiters = dict[K, list["asyncio.Future[V]"]]


class RequestCoalescer(Generic[K, V]):
    """Read single things through a function that reads many; the same thing asked for twice is read once.

    A read begins after it was asked for, so that it sees every change that was made before.
    """

    def __init__(self, read: Callable[[Sequence[K]], Awaitable[Sequence[V]]]) -> None:
        self._read = read
        self._turns = asyncio.Semaphore(READS)
        self._gathering: Waiters[K, V] | None = None
        self._reading: set[asyncio.Task[Sequence[V]]] = set()

    async def get(self, item: K) -> V:
        """Return what is read for an item; what the function raises, everyone of the batch gets."""
        waiters = self._gathering
        if waiters is None or len(waiters) >= MOST:
            waiters = self._begin()
        waiter: asyncio.Future[V] = asyncio.get_running_loop().create_future()
        waiters.setdefault(item, []).append(waiter)
        return await waiter

    def _begin(self) -> Waiters[K, V]:
        waiters: Waiters[K, V] = {}
        self._gathering = waiters
        task = asyncio.create_task(self._read_all(waiters))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)
        task.add_done_callback(partial(_hand_out, waiters))
        return waiters

    async def _read_all(self, waiters: Waiters[K, V]) -> Sequence[V]:
        async with self._turns:
            await asyncio.sleep(0)  # those whose requests have arrived come along
            if self._gathering is waiters:
                self._gathering = None
            return await self._read(tuple(waiters))


def _hand_out(waiters: Waiters[K, V], read: asyncio.Task[Sequence[V]]) -> None:
    """Give everyone who still waits the answer."""
    error = None if read.cancelled() else read.exception()
    answers = [] if read.cancelled() or error else read.result()
    for place, waiting in enumerate(waiters.values()):
        for waiter in waiting:
            if waiter.done():
                continue
            if error is not None:
                waiter.set_exception(error)
            elif read.cancelled():
                waiter.cancel()
            else:
                waiter.set_result(answers[place])
