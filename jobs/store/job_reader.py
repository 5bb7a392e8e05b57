"""Reads of single jobs: those at the same time share a round trip, and an unchanged job is not sent again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cachetools import TTLCache

from jobs.errors import JobNotFound, UnreadableRecord
from jobs.model import Job
from jobs.store.coalescing import RequestCoalescer
from jobs.store.scripts import AsyncScripts
from jobs.store.serialization import decode_view

MAX_JOBS = 2000  # jobs kept in memory

Found = Job | UnreadableRecord | None


@dataclass(frozen=True, slots=True)
class _CachedJob:
    """A job and the stamp that its record had when it was read."""

    job: Job
    stamp: str


class JobReader:
    """Read jobs through the script `get`; a job whose record has not changed is returned as the same object.

    After `fresh_seconds` a job is read again in any case, because the seconds that it has waited and run go on.
    """

    def __init__(
        self,
        scripts: AsyncScripts,
        *,
        fresh_seconds: float,
        max_jobs: int = MAX_JOBS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scripts = scripts
        self._cache: TTLCache[str, _CachedJob] = TTLCache(max_jobs, fresh_seconds, clock)
        self._coalescer: RequestCoalescer[tuple[str, str | None], Found] = RequestCoalescer(self._read)

    async def get(self, job_id: str, owner: str | None) -> Job:
        """Return a job; `owner=None` is for operators. Raise JobNotFound, UnreadableRecord."""
        found = await self._coalescer.get((job_id, owner))
        if found is None:
            raise JobNotFound(job_id)
        if isinstance(found, UnreadableRecord):
            raise found
        return found

    async def _read(self, requests: Sequence[tuple[str, str | None]]) -> list[Found]:
        cached = [self._cache.get(job_id) for job_id, _ in requests]
        arguments = [_argument(*pair) for pair in zip(requests, cached, strict=True)]
        answers = await self._scripts.run("get", jobs=arguments)
        return [
            self._decode(job_id, answer, before)
            for (job_id, _), answer, before in zip(requests, answers, cached, strict=True)
        ]

    def _decode(self, job_id: str, answer: Any, cached: _CachedJob | None) -> Found:
        if answer is None:
            return None
        if answer == 0 and cached is not None:
            return cached.job
        if answer == -1:
            return UnreadableRecord(job_id, "it is damaged")
        stamp, view = answer
        try:
            job = decode_view(view)
        except UnreadableRecord as error:
            return error
        self._cache[job_id] = _CachedJob(job, stamp)
        return job


def _argument(request: tuple[str, str | None], cached: _CachedJob | None) -> dict[str, str]:
    job_id, owner = request
    argument = {"id": job_id}
    if owner is not None:
        argument["owner"] = owner
    if cached is not None:
        argument["stamp"] = cached.stamp
    return argument
