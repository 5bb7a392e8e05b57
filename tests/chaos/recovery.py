"""How long it took until a job whose worker was killed ran again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from jobs.model import Event
from tests.chaos.faults import EVERYONE, Deed
from tests.chaos.watch import Life, seconds

BLAMELESS = "storage_full"  # such a job waits for room, not for a worker

RUN_ENDING = frozenset({"kill child", "stop"})  # these end a run, but not its worker
FOREVER = float("inf")

Span = tuple[float, float]


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
    counts from the last moment at which its lease can have been renewed. Time without an idle worker is taken off
    only after the lease has run out: until then no worker could help.
    """
    idle = idle_spans(lives, deeds, ready)
    found = []
    for claim, back, again in (moves for life in lives for moves in _returns(life)):
        pid = _pid(claim.data["worker"])
        blame = [deed for deed in deeds if deed.pid == pid and seconds(claim) <= deed.at <= seconds(back)]
        deed = min(
            blame, key=lambda deed: (deed.what == "cut", deed.at), default=Deed(seconds(back) - lease, "none", pid)
        )
        since, until = min(seconds(back), deed.at + lease), seconds(again)
        found.append(
            Recovery(
                deed=deed.what,
                until_taken_back=seconds(back) - deed.at,
                until_claimed=until - seconds(back),
                nobody_idle=(until - since) - _covered(idle, (since, until)),
            )
        )
    return sorted(found, key=lambda recovery: -recovery.seconds)


def idle_spans(lives: Sequence[Life], deeds: Sequence[Deed], ready: Mapping[str, float]) -> list[Span]:
    """Return when which worker was up, in touch and without a job."""
    spans: list[Span] = []
    for worker, first_seen in ready.items():
        disturbed = [deed for deed in deeds if deed.pid in (EVERYONE, _pid(worker))]
        runs = _runs(worker, lives, [deed.at for deed in disturbed if deed.what in RUN_ENDING])
        up = min([first_seen, *(begin for begin, _ in runs)])  # one that has claimed was there, seen or not
        death = min((deed.at for deed in disturbed if not deed.until), default=FOREVER)
        spans += _gaps((up, death), [*runs, *((deed.at, deed.until or FOREVER) for deed in disturbed)])
    return spans


def _runs(worker: str, lives: Sequence[Life], cut_short: Sequence[float]) -> list[Span]:
    """Return when a worker was running a job: to its end, or to what ended the run but not the worker."""
    runs = []
    for life in lives:
        moves = [event for event in life.events if event.type in ("status", "completed")]
        for claim, end in itertools.pairwise(moves):
            if claim.data.get("worker") == worker:
                begin = seconds(claim)
                runs.append((begin, min([seconds(end), *(at for at in cut_short if at > begin)])))
    return runs


def _gaps(window: Span, taken: Sequence[Span]) -> list[Span]:
    """Return what of a window none of the spans takes."""
    gaps, reached = [], window[0]
    for begin, end in sorted(taken):
        if begin > reached:
            gaps.append((reached, min(begin, window[1])))
        reached = max(reached, end)
    return [*gaps, (reached, window[1])] if reached < window[1] else gaps


def _covered(spans: Sequence[Span], window: Span) -> float:
    """Return how much of a window at least one of the spans covers."""
    total, reached = 0.0, window[0]
    for begin, end in sorted(spans):
        begin, end = max(begin, reached), min(end, window[1])
        if end > begin:
            total, reached = total + end - begin, end
    return total


def _returns(life: Life) -> Iterator[tuple[Event, Event, Event]]:
    """Yield the events of each run that was taken back: its claim, its return, the next claim."""
    moves = [event for event in life.events if "worker" in event.data or "reason" in event.data]
    for index, back in enumerate(moves[1:-1], 1):
        claim, again = moves[index - 1], moves[index + 1]
        if back.data.get("reason", BLAMELESS) != BLAMELESS and "worker" in claim.data and "worker" in again.data:
            yield claim, back, again


def _pid(worker: str) -> int:
    """Return the process id that is part of a worker's id."""
    return int(worker.rsplit("-", 2)[1])
