"""The reaper: takes back lost jobs, sends missing wake-up messages, removes what has expired."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

from redis import Redis

from jobs.connections import store_errors
from jobs.errors import StoreUnavailable
from jobs.model import FAILURE_CODES
from jobs.queue import JobQueue, queue_name
from jobs.settings import JobSettings
from jobs.status import Priority
from jobs.storage.blobs import Blobs, owner_of
from jobs.store.assets import FOLDER as ASSET_FOLDER
from jobs.store.scripts import GONE_TTL, PREFIX, Scripts, key, milliseconds
from jobs.store.serialization import blob_names

log = logging.getLogger(__name__)
BATCH = 100  # jobs handled by one call of a script
NOTIFY_LIMIT = 200  # messages sent to a queue in a round
SWEEP_ROUNDS = 12  # rounds between two sweeps
SWEEP_PAUSES = 20  # the pause after a sweep is at least this many times as long as the sweep
SWEEP_AT_MOST = 5  # pauses until another reaper may sweep if the one that sweeps has died
SCRIPTS = ("reap", "expire")


class Reaper:
    """Cleans up after workers, clients and time; run it in any number of processes, one at a time does the work."""

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

    def round(self) -> bool:
        """Do a round; return False if another reaper is at work, or was until just now.

        Raise StoreUnavailable or BlobError. Call it twice in `reaper_seconds`, so that the next round is in time even
        if the last reaper has died: the lock of a dead one expires after half that time. Two reapers at the same time
        do no harm.
        """
        half = milliseconds(self._settings.reaper_seconds / 2)
        with store_errors():
            if not self._redis.set(key("reaper"), self._me, nx=True, px=half):
                return False
        try:
            self._recover_lost_jobs()
            self._expire()
            self._notify()
            self._sweep_in_turn()
        finally:
            with store_errors():
                self._redis.set(key("reaper"), self._me, px=half)  # the pause until the next round
        return True

    def _recover_lost_jobs(self) -> None:
        """Requeue or fail the jobs whose lease has expired."""
        message, found = FAILURE_CODES["worker_lost"], BATCH
        while found == BATCH:
            recovered = self._scripts.run(
                "reap", limit=BATCH, max_attempts=self._settings.max_attempts, message=message
            )
            found = len(recovered)
            for job_id, status in recovered:
                log.warning("job %s lost its worker and is now %s", job_id, status)

    def _expire(self) -> None:
        """Remove the pictures and records whose time is up, as many as a round has time for."""
        until, found = self._clock() + self._settings.reaper_seconds, BATCH
        while found >= BATCH and self._clock() < until:
            expired, forgotten = self._scripts.run("expire", limit=BATCH)
            for job_id in expired:
                self._blobs.delete_all(job_id)
            found = max(len(expired), len(forgotten))

    def _notify(self) -> None:
        """Send the messages that are missing for waiting jobs; one too many does no harm."""
        with store_errors():
            depths = self._redis.hgetall(key("depth"))
        for name, depth in depths.items():
            model, _, priority = name.partition("|")
            queue = PREFIX + queue_name(model, Priority(priority))
            with store_errors():
                missing = int(depth) - self._redis.llen(queue)
            for _ in range(min(missing, NOTIFY_LIMIT)):
                self._queue.notify(model, Priority(priority))

    def _sweep_in_turn(self) -> None:
        """Sweep if no reaper has done so lately; the longer a sweep takes, the longer is the pause after it."""
        pause = milliseconds(SWEEP_ROUNDS * self._settings.reaper_seconds)
        with store_errors():
            if not self._redis.set(key("swept"), self._me, nx=True, px=SWEEP_AT_MOST * pause):
                return
        began = self._clock()
        self._sweep()
        took = milliseconds(self._clock() - began)
        with store_errors():
            self._redis.set(key("swept"), self._me, px=max(pause, took * SWEEP_PAUSES))

    def _sweep(self) -> None:
        """Remove the files that are older than an upload may take and that no record lists."""
        orphans = list(self._orphans())
        if orphans:
            self._check_replicas()
            self._blobs.delete(*orphans)
            log.info("removed %d files without a record", len(orphans))

    def _check_replicas(self) -> None:
        """Raise StoreUnavailable if the primary has too few replicas: another may have become primary, with records."""
        count, timeout = self._settings.redis_wait_replicas, self._settings.redis_timeout_seconds / 2
        if not count:
            return
        with store_errors():
            pipe = self._redis.pipeline(transaction=False).set(key("ping"), "1", px=1000)
            *_, have = pipe.wait(count, milliseconds(timeout)).execute()
        if have < count:
            raise StoreUnavailable("The replicas of the job store are behind, so no files are removed.")

    def _orphans(self) -> Iterator[str]:
        oldest = self._clock() - self._settings.upload_timeout_seconds
        old = sorted(info.name for info in self._blobs.list() if info.modified < oldest)
        for job_id, names in groupby(old, key=owner_of):
            if job_id.startswith(ASSET_FOLDER):
                with store_errors():
                    kept_asset = self._redis.get(key("asset", job_id))
                yield from (name for name in names if name != kept_asset)
                continue
            record = self._record(job_id)
            if record.get("status") == "running":
                continue  # its worker may be writing them
            kept = blob_names(record) if record else frozenset()
            yield from (name for name in names if name not in kept)

    def _record(self, job_id: str) -> dict[str, str]:
        """Return the record of a job; if there is none, make sure that none is written for the old files later."""
        with store_errors():
            record: dict[str, str] = self._redis.hgetall(key("job", job_id))
            if not record:
                self._redis.set(key("gone", job_id), "1", px=GONE_TTL)
                record = self._redis.hgetall(key("job", job_id))
        return record
