"""The heartbeat of an attempt."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from jobs.errors import StoreUnavailable
from jobs.model import Progress
from jobs.store.lease import Instruction
from worker.heartbeat import Heartbeat


class FakeLease:
    """A lease that gives the answers it was made with and records the progress it gets."""

    def __init__(self, *answers: Instruction | Exception) -> None:
        self.answers = list(answers)
        self.received: list[Progress | None] = []
        self.job = SimpleNamespace(id="job-1")

    def heartbeat(self, progress: Progress | None = None) -> Instruction:
        self.received.append(progress)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def make_heartbeat(lease: FakeLease, **values: Any) -> Heartbeat:
    defaults: dict[str, Any] = {
        "seconds": 60.0,
        "draining": lambda: False,
        "stop_grace_seconds": 10.0,
        "on_stuck": lambda: None,
    }
    return Heartbeat(lease, **(defaults | values))  # type: ignore[arg-type]


def test_progress_is_published_once() -> None:
    lease = FakeLease(Instruction.CONTINUE, Instruction.CONTINUE)
    heartbeat, progress = make_heartbeat(lease), Progress(iteration=1, total=2)
    heartbeat.report(progress)
    heartbeat.beat()
    heartbeat.beat()
    assert lease.received == [progress, None]


def test_progress_that_did_not_get_through_is_sent_again() -> None:
    lease = FakeLease(StoreUnavailable(), Instruction.CONTINUE)
    heartbeat, progress = make_heartbeat(lease), Progress(iteration=1, total=2)
    heartbeat.report(progress)
    heartbeat.beat()
    heartbeat.beat()
    assert lease.received == [progress, progress]
    assert heartbeat.instruction is Instruction.CONTINUE


def test_an_instruction_stays_but_a_lost_lease_overrides_it() -> None:
    heartbeat = make_heartbeat(FakeLease(Instruction.CANCEL, Instruction.CONTINUE, Instruction.LOST))
    seen = []
    for _ in range(3):
        heartbeat.beat()
        seen.append(heartbeat.instruction)
    assert seen == [Instruction.CANCEL, Instruction.CANCEL, Instruction.LOST]


def test_the_drain_flag_of_the_process_is_an_instruction() -> None:
    heartbeat = make_heartbeat(FakeLease(Instruction.CONTINUE), draining=lambda: True)
    heartbeat.beat()
    assert heartbeat.instruction is Instruction.DRAIN


def test_the_drain_flag_is_received_while_the_store_is_down() -> None:
    heartbeat = make_heartbeat(FakeLease(StoreUnavailable()), draining=lambda: True)
    heartbeat.beat()
    assert heartbeat.instruction is Instruction.DRAIN


def test_a_run_that_does_not_stop_ends_with_its_process() -> None:
    times, aborted = iter([0.0, 5.0, 11.0]), []
    lease = FakeLease(*[Instruction.TIMEOUT] * 3)
    heartbeat = make_heartbeat(lease, clock=lambda: next(times), on_stuck=lambda: aborted.append(True))
    heartbeat.beat()
    heartbeat.beat()
    assert aborted == []
    heartbeat.beat()
    assert aborted == [True]


def test_the_lease_is_still_renewed_while_the_run_is_stopping() -> None:
    lease = FakeLease(Instruction.CANCEL, Instruction.CANCEL)
    heartbeat = make_heartbeat(lease)
    heartbeat.beat()
    heartbeat.beat()
    assert len(lease.received) == 2
