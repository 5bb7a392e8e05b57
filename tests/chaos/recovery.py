"""How long it took until a job whose worker was killed ran again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from jobs.model import Event
from tests.chaos.mischief import Deed
from tests.chaos.watch import Life, seconds

BLAMELESS = "storage_full"  # such a job waits for room, not for a worker


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """A run that was taken back: until it was, until it was claimed again, and how much of that nobody was idle."""

    deed: str
    until_taken_back: float
    until_claimed: float
    nobody_idle: float

    @property
    def seconds(self) -> float:
        """Return the time from the deed to the next claim, less that without an idle worker."""
        return self.until_taken_back + self.until_claimed - self.nobody_idle


def recoveries(
    lives: Sequence[Life], deeds: Sequence[Deed], ready: Mapping[str, float], lease: float
) -> list[Recovery]:
    """Return how each run that was taken back came to be claimed again, the slowest first.

    `ready` says when each worker was first seen. A run that was lost without a kill of its worker (Redis was away)
    counts from the last moment at which its lease can have been renewed.
    """
    free = _free_times(lives)
    found = []
    for claim, back, again in (moves for life in lives for moves in _returns(life)):
        pid = _pid(claim.data["worker"])
        blame = [deed for deed in deeds if deed.pid == pid and seconds(claim) <= deed.at <= seconds(back)]
        deed = max(blame, key=lambda deed: deed.at, default=Deed(seconds(back) - lease, "none", pid))
        claimed, claimer = seconds(again), again.data["worker"]
        idle_since = max([at for at in (*free.get(claimer, ()), ready.get(claimer, 0.0)) if at < claimed], default=0.0)
        found.append(
            Recovery(
                deed=deed.what,
                until_taken_back=seconds(back) - deed.at,
                until_claimed=claimed - seconds(back),
                nobody_idle=max(0.0, idle_since - seconds(back)),
            )
        )
    return sorted(found, key=lambda recovery: -recovery.seconds)


def _returns(life: Life) -> Iterator[tuple[Event, Event, Event]]:
    """Yield the events of each run that was taken back: its claim, its return, the next claim."""
    moves = [event for event in life.events if "worker" in event.data or "reason" in event.data]
    for index, back in enumerate(moves[1:-1], 1):
        claim, again = moves[index - 1], moves[index + 1]
        if back.data.get("reason", BLAMELESS) != BLAMELESS and "worker" in claim.data and "worker" in again.data:
            yield claim, back, again


def _free_times(lives: Sequence[Life]) -> dict[str, list[float]]:
    """Return when each worker ended or gave back a job."""
    times: dict[str, list[float]] = {}
    for life in lives:
        moves = [event for event in life.events if event.type in ("status", "completed")]
        for claim, end in itertools.pairwise(moves):
            if "worker" in claim.data:
                times.setdefault(claim.data["worker"], []).append(seconds(end))
    return times


def _pid(worker: str) -> int:
    """Return the process id that is part of a worker's id."""
    return int(worker.rsplit("-", 2)[1])
