"""What is counted at the end of a run, and the invariants that the counts have to keep."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from jobs.connections import connect
from jobs.model import Job
from jobs.settings import JobSettings
from jobs.storage.blobs import owner_of
from jobs.storage.factory import open_blobs
from jobs.store.job_store import JobStore
from jobs.store.reaper import SWEEP_AT_MOST, SWEEP_ROUNDS
from jobs.store.scripts import key
from jobs.store.serialization import blob_names
from tests.chaos.client import RetryingClient
from tests.chaos.films import is_whole
from tests.chaos.journal import read, repeated_work
from tests.chaos.recorder import History, Recorder
from tests.chaos.recovery import Recovery
from tests.chaos.system import System, Timing
from worker.films.run import film_folders
from worker.main import FOLDER_SECONDS

RECOVERY_LIMIT = 40.0  # seconds, as all limits
REPEATED_WORK_LIMIT = 15.0
CANCEL_LIMIT = 2.0
HARNESS_SECONDS = 1.0  # what HTTP, polling and a machine under load add to a measured time
POLL_SECONDS = 0.5
OWNER = "local"
MAX_ATTEMPTS = 3


@dataclass(kw_only=True)
class Counts:
    """The counts of a run."""

    accepted: int = 0
    succeeded: int = 0
    canceled: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    failed_without_cause: int = 0
    not_ended: int = 0
    ended_more_than_once: int = 0
    records_beyond_accepted: int = 0
    succeeded_without_readable_result: int = 0
    results_without_record: int = 0
    files_without_record: int = 0
    attempts_started: int = 0
    requeued: Counter[str] = field(default_factory=Counter)
    recoveries: int = 0
    longest_recovery_seconds: float = 0.0
    slowest_recoveries: list[Recovery] = field(default_factory=list)
    longest_repeated_work_seconds: float = 0.0
    films_that_repeated_frames: int = 0
    most_repeated_frames: int = 0
    repeated_frames_beyond_segment: int = 0
    running_cancel_seconds: list[float] = field(default_factory=list)
    queued_cancel_seconds: list[float] = field(default_factory=list)

    def invariants(self) -> dict[str, bool]:
        """Tell of each invariant that no fault may break whether it holds."""
        return {
            "some job was accepted": self.accepted > 0,
            "each ended once": self.ended_more_than_once == 0,
            "no record beyond those accepted": self.records_beyond_accepted == 0,
            "succeeded = results": self.succeeded_without_readable_result == 0,
            "no result without a record": self.results_without_record == 0,
        }

    def violations(self, timing: Timing, *, kills: int, killed: int) -> list[str]:
        """Name what does not hold after a run with so many kills."""
        work = max(REPEATED_WORK_LIMIT, timing.checkpoint + timing.step)
        cancel = CANCEL_LIMIT + timing.step + HARNESS_SECONDS
        return violated(
            self.invariants()
            | {
                f"{killed} of {kills} kills were made": killed == kills,
                "accepted = ended": self.not_ended == 0,
                "a job fails only if its workers were killed three times": self.failed_without_cause == 0,
                "no file without a record": self.files_without_record == 0,
                "recovery in time": self.longest_recovery_seconds <= RECOVERY_LIMIT,
                "little work repeated": self.longest_repeated_work_seconds <= work,
                "a film repeats a frame and the segment in hand": self.repeated_frames_beyond_segment == 0,
                "running jobs were canceled": bool(self.running_cancel_seconds),
                "queued jobs were canceled": bool(self.queued_cancel_seconds),
                "a running cancel takes effect": max(self.running_cancel_seconds, default=0) <= cancel,
                "a queued cancel is at once": max(self.queued_cancel_seconds, default=0) <= HARNESS_SECONDS,
            }
        )


def violated(checks: dict[str, bool]) -> list[str]:
    """Name the checks that do not hold."""
    return [name for name, holds in checks.items() if not holds]


async def count(counts: Counts, system: System, store: JobStore, client: RetryingClient, recorder: Recorder) -> None:
    """Count what is in Redis, on disk and in the answers of the API."""
    jobs = await _all_jobs(store)
    counts.accepted = len(client.accepted)
    counts.records_beyond_accepted = len({job.id for job in jobs} - client.accepted)
    by_id = {job.id: job for job in jobs}
    for job_id in client.accepted:
        count_end(counts, by_id.get(job_id), recorder.histories[job_id])
    for job in jobs:
        if job.result is not None and not await _readable(client, job):
            counts.succeeded_without_readable_result += 1
    await _count_files(counts, system)
    counts.longest_repeated_work_seconds = max(repeated_work(read(system.journal)), default=0.0)


def count_end(counts: Counts, job: Job | None, history: History) -> None:
    """Count how a job ended, by its record and by its events."""
    if job is None or not job.status.is_terminal:
        counts.not_ended += 1
        return
    ends = [event for event in history.events if event.type == "completed"]
    if len(ends) != 1 or ends[0].data["status"] != job.status:
        counts.ended_more_than_once += 1
    if job.failure is not None:
        counts.failed[job.failure.code] += 1
        counts.failed_without_cause += not _killed_too_often(job, history)
    counts.succeeded += job.status == "succeeded"
    counts.canceled += job.status == "canceled"
    for event in history.events:
        counts.attempts_started += event.data.get("status") == "running" and "worker" in event.data
        if reason := event.data.get("reason"):
            counts.requeued[reason] += 1


def _killed_too_often(job: Job, history: History) -> bool:
    """Tell whether a failed job lost as many workers as a job may."""
    assert job.failure is not None
    lost = sum(event.data.get("reason") == "worker_lost" for event in history.events)
    return job.failure.code == "worker_lost" and job.attempt == lost + 1 == MAX_ATTEMPTS


async def _all_jobs(store: JobStore) -> list[Job]:
    jobs: list[Job] = []
    cursor: str | None = None
    while True:
        page = await store.list(OWNER, cursor=cursor, limit=100)
        jobs += page.jobs
        cursor = page.cursor
        if cursor is None:
            return jobs


async def _readable(client: RetryingClient, job: Job) -> bool:
    """Tell whether the API returns the picture or film that the record describes."""
    assert job.result is not None
    answer = await client.result(job.id)
    if answer.status_code != 200 or hashlib.sha256(answer.content).hexdigest() != job.result.sha256:
        return False
    if job.options.film is not None:
        return is_whole(answer.content)
    with Image.open(io.BytesIO(answer.content)) as picture:
        picture.load()
        return picture.size == (job.result.width, job.result.height)


async def _count_files(counts: Counts, system: System) -> None:
    """Count the files that no record lists, after the reaper has had time to remove them."""
    settings = system.settings
    sweeping = SWEEP_AT_MOST * SWEEP_ROUNDS  # rounds until another worker sweeps if the one that sweeps was killed
    reaping = (sweeping + 1) * system.timing.reaper + FOLDER_SECONDS + 3
    deadline = time.monotonic() + settings.upload_timeout_seconds + reaping
    while (found := list(_unlisted(settings))) and time.monotonic() < deadline:
        await asyncio.sleep(POLL_SECONDS)
    oldest = time.time() - settings.upload_timeout_seconds
    old = [name for name, modified in found if modified < oldest]
    counts.files_without_record += len(old)
    counts.results_without_record += sum("/result-" in name for name in old)


def _unlisted(settings: JobSettings) -> Iterator[tuple[str, float]]:
    """Yield name and time of the files that no record lists, those of uploads and of unfinished films included."""
    redis: Any = connect(settings)
    for info in open_blobs(settings).list():
        if info.name not in blob_names(redis.hgetall(key("job", owner_of(info.name)))):
            yield info.name, info.modified
    for left in (*(settings.data_dir / "incoming").rglob("*"), *film_folders(settings).path.rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # the sweep may remove it meanwhile
            yield str(left), left.stat().st_mtime
