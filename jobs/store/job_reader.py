"""Looking at jobs: many share a round trip, and what has not changed since the last look is not sent again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.errors import JobNotFound, UnreadableRecord
from jobs.model import Job
from jobs.store.coalescing import RequestCoalescer
from jobs.store.scripts import AsyncScripts
from jobs.store.serialization import decode_view

KEPT = 2000  # jobs held in memory, the latest ones looked at


@dataclass(frozen=True, slots=True)
class _Known:
    """A job as it was read, the stamp that its record had then, and when that was."""

    job: Job
    stamp: str
    read_at: float


class JobReader:
    """Read jobs through the script `get`; one whose record is unchanged is given back as the same object.

    It is read anew after `fresh_seconds` all the same, for the seconds that it has waited or run go on.
    """

    def __init__(
        self,
        scripts: AsyncScripts,
        *,
        fresh_seconds: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scripts, self._fresh_seconds, self._now = scripts, fresh_seconds, now
        self._known: dict[str, _Known] = {}
        self._coalescer: RequestCoalescer[tuple[str, str | None], Job | UnreadableRecord | None] = RequestCoalescer(
            self._read
        )

    async def get(self, job_id: str, owner: str | None) -> Job:
        """Return one job; `owner=None` is for operators. Raise JobNotFound, UnreadableRecord."""
        found = await self._coalescer.get((job_id, owner))
        if found is None:
            raise JobNotFound(job_id)
        if isinstance(found, UnreadableRecord):
            raise found
        return found

    async def _read(self, asked: Sequence[tuple[str, str | None]]) -> list[Job | UnreadableRecord | None]:
        now = self._now()
        known = [self._fresh(job_id, now) for job_id, _ in asked]
        answers = await self._scripts.run("get", jobs=[_question(*pair) for pair in zip(asked, known, strict=True)])
        return [
            self._understood(job_id, answer, before, now)
            for (job_id, _), answer, before in zip(asked, answers, known, strict=True)
        ]

    def _fresh(self, job_id: str, now: float) -> _Known | None:
        known = self._known.get(job_id)
        return known if known is not None and now - known.read_at < self._fresh_seconds else None

    def _understood(self, job_id: str, answer: Any, before: _Known | None, now: float) -> Job | UnreadableRecord | None:
        if answer is None:
            return None
        if answer == 0 and before is not None:
            return before.job
        if answer == -1:
            return UnreadableRecord(job_id, "it is damaged")
        stamp, view = answer
        try:
            job = decode_view(view)
        except UnreadableRecord as error:
            return error
        self._keep(job_id, _Known(job, stamp, now))
        return job

    def _keep(self, job_id: str, known: _Known) -> None:
        if self._fresh_seconds == 0:
            return
        self._known.pop(job_id, None)
        self._known[job_id] = known
        if len(self._known) > KEPT:
            del self._known[next(iter(self._known))]


def _question(asked: tuple[str, str | None], known: _Known | None) -> dict[str, str]:
    job_id, owner = asked
    question = {"id": job_id}
    if owner is not None:
        question["owner"] = owner
    if known is not None:
        question["stamp"] = known.stamp
    return question
