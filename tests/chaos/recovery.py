"""How long it takes until a job whose worker was killed runs again, and which frames of a film it paints again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from jobs.model import Event
from tests.chaos.faults import ALL_WORKERS, Fault
from tests.chaos.journal import Line, lost_steps
from tests.chaos.recorder import History, seconds

NO_FAULT = "storage_full"  # such a job waits for room, not for a worker
RUN_ENDING = frozenset({"kill child", "stop"})  # these end a run, but not its worker
CUTTING_OFF = frozenset({"kill redis", "cut", "disk full", "stop"})  # while these last, no checkpoint can be stored
REDIS_SYNC_SECONDS = 1.0  # Redis may lose what it was told so long before a kill
FOREVER = float("inf")

Span = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """A run that was requeued: seconds until then, until the next claim, and how long no worker was idle meanwhile."""

    fault: str
    until_requeued: float
    until_claimed: float
    no_idle_worker: float

    @property
    def seconds(self) -> float:
        """Return the time from the fault to the next claim, minus the time without an idle worker."""
        return self.until_requeued + self.until_claimed - self.no_idle_worker


@dataclass(frozen=True, kw_only=True)
class RepeatedFrames:
    """How many frames were painted again, and how many of these had to be stored by then."""

    frames: int
    beyond_segment: int


def repeated_frames(
    lines: list[Line], steps: Mapping[int, int], faults: Sequence[Fault], checkpoint: float
) -> list[RepeatedFrames]:
    """Return what each attempt but the first of each film painted again.

    That may be the frame in hand and the segment in hand: the frames that were finished after the last checkpoint.
    steps: iterations of a frame, by the seed of the job. checkpoint: the seconds within which a finished frame must be
    stored. If a fault prevents that, they count from its end.
    """
    cut_off = [(fault.at - REDIS_SYNC_SECONDS, fault.until or FOREVER) for fault in faults if fault.what in CUTTING_OFF]
    found = []
    for lost in lost_steps(lines):
        if not lost or lost[0].seed not in steps:
            continue
        total, end = steps[lost[0].seed], lost[-1].at
        finished = [step.at for step in lost if step.iteration % total == 0]
        due = [at for at in finished if any(b - a > checkpoint for a, b in _gaps((at, end), cut_off))]
        frames = len({(step.iteration - 1) // total for step in lost})
        found.append(RepeatedFrames(frames=frames, beyond_segment=len(due)))
    return found


def recoveries(
    histories: Sequence[History], faults: Sequence[Fault], workers_seen_at: Mapping[str, float], lease: float
) -> list[Recovery]:
    """Return the recovery of each run that was requeued, the slowest first.

    A run that was lost without a kill of its worker (Redis was away) counts from the last moment at which its lease can
    have been renewed. Time without an idle worker is subtracted only after the lease has expired: until then no worker
    could help.
    """
    idle = idle_spans(histories, faults, workers_seen_at)
    found = []
    for claim, requeue, again in (moves for history in histories for moves in _requeues(history)):
        pid = _pid(claim.data["worker"])
        blame = [fault for fault in faults if fault.pid == pid and seconds(claim) <= fault.at <= seconds(requeue)]
        fault = min(
            blame,
            key=lambda fault: (fault.what == "cut", fault.at),
            default=Fault(seconds(requeue) - lease, "none", pid),
        )
        since, until = min(seconds(requeue), fault.at + lease), seconds(again)
        found.append(
            Recovery(
                fault=fault.what,
                until_requeued=seconds(requeue) - fault.at,
                until_claimed=until - seconds(requeue),
                no_idle_worker=(until - since) - _covered(idle, (since, until)),
            )
        )
    return sorted(found, key=lambda recovery: -recovery.seconds)


def idle_spans(
    histories: Sequence[History], faults: Sequence[Fault], workers_seen_at: Mapping[str, float]
) -> list[Span]:
    """Return the spans in which a worker was up, reached Redis and had no job."""
    spans: list[Span] = []
    for worker, first_seen in workers_seen_at.items():
        disturbed = [fault for fault in faults if fault.pid in (ALL_WORKERS, _pid(worker))]
        runs = _runs(worker, histories, [fault.at for fault in disturbed if fault.what in RUN_ENDING])
        up = min([first_seen, *(begin for begin, _ in runs)])  # a claim shows that it was up, seen or not
        death = min((fault.at for fault in disturbed if not fault.until), default=FOREVER)
        spans += _gaps((up, death), [*runs, *((fault.at, fault.until or FOREVER) for fault in disturbed)])
    return spans


def _runs(worker: str, histories: Sequence[History], cut_short: Sequence[float]) -> list[Span]:
    """Return when a worker was running a job: to the end, or to a fault that ended the run but not the worker."""
    runs = []
    for history in histories:
        moves = [event for event in history.events if event.type in ("status", "completed")]
        for claim, end in itertools.pairwise(moves):
            if claim.data.get("worker") == worker:
                begin = seconds(claim)
                runs.append((begin, min([seconds(end), *(at for at in cut_short if at > begin)])))
    return runs


def _gaps(window: Span, taken: Sequence[Span]) -> list[Span]:
    """Return the parts of a window that no span covers."""
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


def _requeues(history: History) -> Iterator[tuple[Event, Event, Event]]:
    """Yield the events of each run that was requeued: its claim, the requeue, the next claim."""
    moves = [event for event in history.events if "worker" in event.data or "reason" in event.data]
    for index, requeue in enumerate(moves[1:-1], 1):
        claim, again = moves[index - 1], moves[index + 1]
        if requeue.data.get("reason", NO_FAULT) != NO_FAULT and "worker" in claim.data and "worker" in again.data:
            yield claim, requeue, again


def _pid(worker: str) -> int:
    """Return the process id that is part of a worker's id."""
    return int(worker.rsplit("-", 2)[1])
