"""Coalesced reads: those that arrive while others are in flight share one round trip."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from functools import partial
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
READS = 2  # in flight at a time: while Redis answers one, the next is on its way
MAX_ITEMS = 200  # in one read, so that no read occupies Redis for long

Waiters = dict[K, list["asyncio.Future[V]"]]


class RequestCoalescer(Generic[K, V]):
    """Read single items through a function that reads many; an item requested twice is read once.

    A read starts after it was requested, so it sees every change that was made before.
    """

    def __init__(self, read: Callable[[Sequence[K]], Awaitable[Sequence[V]]]) -> None:
        self._read = read
        self._slots = asyncio.Semaphore(READS)
        self._next: Waiters[K, V] | None = None
        self._tasks: set[asyncio.Task[Sequence[V]]] = set()

    async def get(self, item: K) -> V:
        """Return the value of an item; an error of the function is raised to every caller of that read."""
        waiters = self._next
        if waiters is None or len(waiters) >= MAX_ITEMS:
            waiters = self._start_read()
        waiter: asyncio.Future[V] = asyncio.get_running_loop().create_future()
        waiters.setdefault(item, []).append(waiter)
        return await waiter

    def _start_read(self) -> Waiters[K, V]:
        waiters: Waiters[K, V] = {}
        self._next = waiters
        task = asyncio.create_task(self._read_all(waiters))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(partial(_resolve, waiters))
        return waiters

    async def _read_all(self, waiters: Waiters[K, V]) -> Sequence[V]:
        async with self._slots:
            await asyncio.sleep(0)  # let the requests that have arrived join this read
            if self._next is waiters:
                self._next = None
            return await self._read(tuple(waiters))


def _resolve(waiters: Waiters[K, V], read: asyncio.Task[Sequence[V]]) -> None:
    """Pass the values, or the error, to the callers that still wait."""
    error = None if read.cancelled() else read.exception()
    answers = [] if read.cancelled() or error else read.result()
    for index, waiting in enumerate(waiters.values()):
        for waiter in waiting:
            if waiter.done():
                continue
            if error is not None:
                waiter.set_exception(error)
            elif read.cancelled():
                waiter.cancel()
            else:
                waiter.set_result(answers[index])
