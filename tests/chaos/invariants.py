"""The account at the end of a run: everything that the promise says can be counted, counted."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import time
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
from jobs.store.reaper import SWEEP_ROUNDS
from jobs.store.scripts import key
from jobs.store.serialization import blob_names
from tests.chaos.client import Customer
from tests.chaos.journal import read, repeated_work
from tests.chaos.recovery import Recovery
from tests.chaos.system import System
from tests.chaos.watch import Life, Watch

RECOVERY_LIMIT = 40.0
WORK_LIMIT = 15.0
CANCEL_LIMIT = 2.0
LOOK_SECONDS = 0.5
OVERHEAD = 1.0  # of the harness itself: HTTP, polling, a machine under load
OWNER = "local"
MAX_ATTEMPTS = 3


@dataclass(kw_only=True)
class Account:
    """What was counted."""

    accepted: int = 0
    succeeded: int = 0
    canceled: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    failed_without_cause: int = 0
    not_ended: int = 0
    ended_more_than_once: int = 0
    records_beyond_accepted: int = 0
    succeeded_without_readable_result: int = 0
    results_without_record: int = 0
    files_without_record: int = 0
    attempts_started: int = 0
    requeued: dict[str, int] = field(default_factory=dict)
    recoveries: int = 0
    longest_recovery_seconds: float = 0.0
    slowest_recoveries: list[Recovery] = field(default_factory=list)
    longest_repeated_work_seconds: float = 0.0
    running_cancel_seconds: list[float] = field(default_factory=list)
    queued_cancel_seconds: list[float] = field(default_factory=list)

    def problems(self, system: System, *, kills: int, killed: int) -> list[str]:
        """Say which of the promises did not hold."""
        pace = system.pace
        work = max(WORK_LIMIT, pace.checkpoint + pace.step)
        checks = self.promises() | {
            f"{killed} of {kills} kills were made": killed == kills,
            "accepted = ended": self.not_ended == 0,
            "a job fails only if its workers were killed three times": self.failed_without_cause == 0,
            "no file without a record": self.files_without_record == 0,
            "recovery in time": self.longest_recovery_seconds <= RECOVERY_LIMIT,
            "little work repeated": self.longest_repeated_work_seconds <= work,
            "running jobs were canceled": bool(self.running_cancel_seconds),
            "queued jobs were canceled": bool(self.queued_cancel_seconds),
            "a running cancel takes effect": max(self.running_cancel_seconds, default=0)
            <= CANCEL_LIMIT + pace.step + OVERHEAD,
            "a queued cancel is at once": max(self.queued_cancel_seconds, default=0) <= OVERHEAD,
        }
        return broken(checks)

    def promises(self) -> dict[str, bool]:
        """Tell of each promise that holds whatever is done to the system whether it was kept."""
        return {
            "some job was accepted": self.accepted > 0,
            "each ended once": self.ended_more_than_once == 0,
            "no record beyond those accepted": self.records_beyond_accepted == 0,
            "succeeded = results": self.succeeded_without_readable_result == 0,
            "no result without a record": self.results_without_record == 0,
        }


def broken(checks: dict[str, bool]) -> list[str]:
    """Name the checks that do not hold."""
    return [name for name, holds in checks.items() if not holds]


async def settle(account: Account, system: System, client: JobStore, customer: Customer, watch: Watch) -> None:
    """Count what is in Redis, on disk and in the answers of the API."""
    jobs = await _all_jobs(client)
    account.accepted = len(customer.accepted)
    account.records_beyond_accepted = len({job.id for job in jobs} - set(customer.accepted))
    by_id = {job.id: job for job in jobs}
    for job_id in customer.accepted:
        _count_end(account, by_id.get(job_id), watch.lives[job_id])
    for job in jobs:
        if job.result is not None and not await _readable(customer, job):
            account.succeeded_without_readable_result += 1
    await _count_files(account, system)
    account.longest_repeated_work_seconds = max(repeated_work(read(system.journal)), default=0.0)


def _count_end(account: Account, job: Job | None, life: Life) -> None:
    if job is None or not job.status.is_terminal:
        account.not_ended += 1
        return
    ends = [event for event in life.events if event.type == "completed"]
    if len(ends) != 1 or ends[0].data["status"] != job.status:
        account.ended_more_than_once += 1
    if job.failure is not None:
        account.failed[job.failure.code] = account.failed.get(job.failure.code, 0) + 1
        account.failed_without_cause += not _killed_too_often(job, life)
    account.succeeded += job.status == "succeeded"
    account.canceled += job.status == "canceled"
    for event in life.events:
        account.attempts_started += event.data.get("status") == "running" and "worker" in event.data
        if reason := event.data.get("reason"):
            account.requeued[reason] = account.requeued.get(reason, 0) + 1


def _killed_too_often(job: Job, life: Life) -> bool:
    """Tell whether a failed job lost as many workers as a job may."""
    assert job.failure is not None
    lost = sum(event.data.get("reason") == "worker_lost" for event in life.events)
    return job.failure.code == "worker_lost" and job.attempt == lost + 1 == MAX_ATTEMPTS


async def _all_jobs(client: JobStore) -> list[Job]:
    jobs: list[Job] = []
    cursor: str | None = None
    while True:
        page = await client.list(OWNER, cursor=cursor, limit=100)
        jobs += page.jobs
        cursor = page.cursor
        if cursor is None:
            return jobs


async def _readable(customer: Customer, job: Job) -> bool:
    """Tell whether the API gives the picture that the record describes."""
    assert job.result is not None
    answer = await customer.download(job.id)
    if answer.status_code != 200 or hashlib.sha256(answer.content).hexdigest() != job.result.sha256:
        return False
    with Image.open(io.BytesIO(answer.content)) as picture:
        picture.load()
        return picture.size == (job.result.width, job.result.height)


async def _count_files(account: Account, system: System) -> None:
    """Count what no record lists, once there is nothing or the reaper has had the time it has."""
    settings = system.settings
    deadline = time.monotonic() + settings.upload_timeout_seconds + (SWEEP_ROUNDS + 1) * system.pace.reaper + 3
    while (found := list(_unlisted(settings))) and time.monotonic() < deadline:
        await asyncio.sleep(LOOK_SECONDS)
    oldest = time.time() - settings.upload_timeout_seconds
    old = [name for name, modified in found if modified < oldest]
    account.files_without_record += len(old)
    account.results_without_record += sum("/result-" in name for name in old)


def _unlisted(settings: JobSettings) -> Iterator[tuple[str, float]]:
    """Name the files that no record lists, and when they were written: pictures, and bodies being received."""
    redis: Any = connect(settings)
    for info in open_blobs(settings).list():
        if info.name not in blob_names(redis.hgetall(key("job", owner_of(info.name)))):
            yield info.name, info.modified
    for left in (settings.data_dir / "incoming").rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # the sweep is at it
            yield str(left), left.stat().st_mtime
