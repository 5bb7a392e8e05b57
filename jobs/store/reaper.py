"""The reaper: takes back lost jobs, sends missing wake-up messages, removes what has expired."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from redis import Redis

from jobs.connections import store_errors
from jobs.model import FAILURE_CODES
from jobs.queue import JobQueue, queue_name
from jobs.settings import JobSettings
from jobs.status import Priority
from jobs.storage.blobs import Blobs, owner_of
from jobs.store.scripts import PREFIX, Scripts, key, milliseconds
from jobs.store.serialization import blob_names

log = logging.getLogger(__name__)
BATCH = 100
NOTIFY_LIMIT = 200
SWEEP_ROUNDS = 12  # a sweep for files without a record every so many rounds
SWEEP_PAUSES = 20  # times as long as a sweep took is the pause after it
SWEEP_AT_MOST = 5  # pauses until another begins a sweep whose reaper died
SCRIPTS = ("locks/acquire_reaper", "locks/release_reaper", "reap", "expire")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reaped:
    """What one round found."""

    recovered: tuple[tuple[str, str], ...] = ()  # job id and its new status, of those taken back or given up
    notified: int = 0
    expired: int = 0
    forgotten: int = 0
    orphans: int = 0


class Reaper:
    """Looks after what nobody else does; run it in any number of processes."""

    def __init__(
        self,
        redis: Redis,
        *,
        blobs: Blobs,
        queue: JobQueue,
        settings: JobSettings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._redis: Any = redis
        self._blobs = blobs
        self._queue = queue
        self._settings = settings
        self._clock = clock
        self._me = secrets.token_hex(8)
        self._scripts = Scripts(redis, settings, *SCRIPTS)

    def round(self) -> Reaped | None:
        """Do all there is to do once; None if another reaper is at it, or just was.

        Raise StoreUnavailable or BlobError. Run it twice in `reaper_seconds`: the next round is then in time also if
        the last reaper has died.

        The lock of one that dies in its round falls free after half a round's time; its work is such that a second
        reaper at the same time does no harm.
        """
        seconds = self._settings.reaper_seconds
        if not self._scripts.run("locks/acquire_reaper", me=self._me, ttl=milliseconds(seconds / 2)):
            return None
        try:
            return self._round()
        finally:
            self._scripts.run("locks/release_reaper", me=self._me, pause=milliseconds(seconds / 2))

    def _round(self) -> Reaped:
        recovered = tuple(self._take_back())
        expired, forgotten = self._expire()
        return Reaped(
            recovered=recovered,
            notified=self._notify(),
            expired=expired,
            forgotten=forgotten,
            orphans=self._sweep_in_turn(),
        )

    def _take_back(self) -> Iterator[tuple[str, str]]:
        """Take back what was leased to workers not heard of, all of it."""
        message, found = FAILURE_CODES["worker_lost"], BATCH
        while found == BATCH:
            recovered = self._scripts.run(
                "reap", limit=BATCH, max_attempts=self._settings.max_attempts, message=message
            )
            found = len(recovered)
            for job_id, status in recovered:
                log.warning("job %s lost its worker and is now %s", job_id, status)
                yield job_id, status

    def _expire(self) -> tuple[int, int]:
        """Remove what is past its time, as much of it as a round has time for; count pictures gone and records gone."""
        until = self._clock() + self._settings.reaper_seconds
        counts = [0, 0]
        while True:
            expired, forgotten = self._scripts.run("expire", limit=BATCH)
            for job_id in expired:
                self._blobs.delete_all(job_id)
            counts = [counts[0] + len(expired), counts[1] + len(forgotten)]
            if max(len(expired), len(forgotten)) < BATCH or self._clock() >= until:
                return counts[0], counts[1]

    def _notify(self) -> int:
        """Send the messages that are missing for waiting jobs; one too many does no harm."""
        notified = 0
        with store_errors():
            depths = self._redis.hgetall(key("depth"))
        for name, depth in depths.items():
            model, _, priority = name.partition("|")
            queue = PREFIX + queue_name(model, Priority(priority))
            with store_errors():
                missing = int(depth) - self._redis.llen(queue)
            for _ in range(min(missing, NOTIFY_LIMIT)):
                self._queue.notify(model, Priority(priority))
                notified += 1
        return notified

    def _sweep_in_turn(self) -> int:
        """Sweep if no reaper has for a while; a storage so full that it takes long is swept less often."""
        pause = milliseconds(SWEEP_ROUNDS * self._settings.reaper_seconds)
        with store_errors():
            if not self._redis.set(key("swept"), self._me, nx=True, px=SWEEP_AT_MOST * pause):
                return 0
        began = self._clock()
        found = self.sweep()
        took = milliseconds(self._clock() - began)
        with store_errors():
            self._redis.set(key("swept"), self._me, px=max(pause, took * SWEEP_PAUSES))
        return found

    def sweep(self) -> int:
        """Remove pictures older than the upload timeout that no record lists; return how many."""
        orphans = list(self.orphans())
        if orphans:
            self._blobs.delete(*orphans)
            log.info("removed %d files without a record", len(orphans))
        return len(orphans)

    def orphans(self) -> Iterator[str]:
        """Name the pictures older than the upload timeout that no record lists."""
        oldest = self._clock() - self._settings.upload_timeout_seconds
        old = sorted(info.name for info in self._blobs.list() if info.modified < oldest)
        for job_id, names in groupby(old, key=owner_of):
            with store_errors():
                record = self._redis.hgetall(key("job", job_id))
            if record.get("status") == "running":
                continue  # its worker may be writing them
            kept = blob_names(record) if record else frozenset()
            yield from (name for name in names if name not in kept)
