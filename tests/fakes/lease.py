"""Access to real jobs for a worker, which a test can watch and interrupt."""

from __future__ import annotations

import threading
from typing import Any

from jobs.errors import StoreUnavailable
from jobs.store.lease import Finished, Lease, WorkerStore


class Beats:
    """Counts heartbeats from one thread, so that another waits for the next ones."""

    def __init__(self) -> None:
        self._count = 0
        self._counted = threading.Condition()
        self.paused = threading.Lock()  # heartbeats wait while a test holds it

    def add(self) -> None:
        with self._counted:
            self._count += 1
            self._counted.notify_all()

    def wait(self) -> None:
        """Wait until a heartbeat that begins from now on is over: the next one begins only then."""
        with self._counted:
            enough = self._count + 2
            assert self._counted.wait_for(lambda: self._count >= enough, timeout=20), "no heartbeat"


class WatchedLease:
    """A lease that counts its heartbeats, and cannot end its job while `outages` are left."""

    def __init__(self, inner: Lease, beats: Beats, outages: int) -> None:
        self._inner = inner
        self._beats = beats
        self._outages = outages

    def heartbeat(self, *values: Any) -> Any:
        with self._beats.paused:
            self._beats.add()
            return self._inner.heartbeat(*values)

    def complete(self, *values: Any) -> Finished:
        if self._outages:
            self._outages -= 1
            raise StoreUnavailable()
        return self._inner.complete(*values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class WatchedStore(WorkerStore):
    """The real store, whose leases are watched; it can lose the answer of a claim."""

    outages = 0
    lose_answer = False

    def claim(self, *values: Any, **named: Any) -> Any:
        self.beats = Beats()
        lease = super().claim(*values, **named)
        if self.lose_answer:
            self.lose_answer = False
            raise StoreUnavailable()
        return None if lease is None else WatchedLease(lease, self.beats, self.outages)
