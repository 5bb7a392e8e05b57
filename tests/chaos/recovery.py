"""How long it took until a job whose worker was killed ran again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from jobs.model import Event
from tests.chaos.mischief import Deed
from tests.chaos.watch import Life, seconds

BLAMELESS = "storage_full"  # such a job waits for room, not for a worker


def recoveries(lives: Sequence[Life], deeds: Sequence[Deed], ready: Mapping[str, float], lease: float) -> list[float]:
    """Return, for each run taken back, the seconds from the kill to the next claim, less those without an idle worker.

    `ready` says when each worker was first seen. A run that was lost without a kill of its worker (Redis was away)
    counts from the last moment at which its lease can have been renewed.
    """
    free = _free_times(lives)
    found = []
    for claim, back, again in (moves for life in lives for moves in _returns(life)):
        pid = _pid(claim.data["worker"])
        blame = [deed.at for deed in deeds if deed.pid == pid and seconds(claim) <= deed.at <= seconds(back)]
        began = max(blame, default=seconds(back) - lease)
        claimed, claimer = seconds(again), again.data["worker"]
        idle_since = max([at for at in (*free.get(claimer, ()), ready.get(claimer, 0.0)) if at < claimed], default=0.0)
        found.append(claimed - began - max(0.0, idle_since - seconds(back)))
    return found


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
