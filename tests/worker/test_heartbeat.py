"""The heart of a run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from jobs.errors import StoreUnavailable
from jobs.model import Progress
from jobs.store.lease import Verdict
from worker.heartbeat import Heartbeat


class ListedLease:
    """A lease that answers as it is told and notes what it hears."""

    def __init__(self, *answers: Verdict | Exception) -> None:
        self.answers = list(answers)
        self.heard: list[Progress | None] = []
        self.job = SimpleNamespace(id="job-1")

    def heartbeat(self, progress: Progress | None = None) -> Verdict:
        self.heard.append(progress)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def make_heart(lease: ListedLease, **values: Any) -> Heartbeat:
    defaults: dict[str, Any] = {
        "seconds": 60.0,
        "draining": lambda: False,
        "stop_grace_seconds": 10.0,
        "on_stuck": lambda: None,
    }
    return Heartbeat(lease, **(defaults | values))  # type: ignore[arg-type]


def test_progress_is_published_once() -> None:
    lease = ListedLease(Verdict.CONTINUE, Verdict.CONTINUE)
    heart, progress = make_heart(lease), Progress(iteration=1, total=2)
    heart.report(progress)
    heart.beat()
    heart.beat()
    assert lease.heard == [progress, None]


def test_progress_that_did_not_get_through_is_sent_again() -> None:
    lease = ListedLease(StoreUnavailable(), Verdict.CONTINUE)
    heart, progress = make_heart(lease), Progress(iteration=1, total=2)
    heart.report(progress)
    heart.beat()
    heart.beat()
    assert lease.heard == [progress, progress]
    assert heart.verdict is Verdict.CONTINUE


def test_a_verdict_stays_but_a_lost_lease_overrides_it() -> None:
    heart = make_heart(ListedLease(Verdict.CANCEL, Verdict.CONTINUE, Verdict.LOST))
    seen = []
    for _ in range(3):
        heart.beat()
        seen.append(heart.verdict)
    assert seen == [Verdict.CANCEL, Verdict.CANCEL, Verdict.LOST]


def test_the_drain_flag_of_the_process_is_a_verdict() -> None:
    heart = make_heart(ListedLease(Verdict.CONTINUE), draining=lambda: True)
    heart.beat()
    assert heart.verdict is Verdict.DRAIN


def test_the_drain_flag_is_heard_while_the_store_is_down() -> None:
    heart = make_heart(ListedLease(StoreUnavailable()), draining=lambda: True)
    heart.beat()
    assert heart.verdict is Verdict.DRAIN


def test_a_run_that_does_not_stop_ends_with_its_process() -> None:
    times, aborted = iter([0.0, 5.0, 11.0]), []
    lease = ListedLease(*[Verdict.TIMEOUT] * 3)
    heart = make_heart(lease, clock=lambda: next(times), on_stuck=lambda: aborted.append(True))
    heart.beat()
    heart.beat()
    assert aborted == []
    heart.beat()
    assert aborted == [True]


def test_the_lease_is_still_renewed_while_the_run_is_stopping() -> None:
    lease = ListedLease(Verdict.CANCEL, Verdict.CANCEL)
    heart = make_heart(lease)
    heart.beat()
    heart.beat()
    assert len(lease.heard) == 2
