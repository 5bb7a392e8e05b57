"""Recoveries of histories written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.model import Event
from tests.chaos.faults import Fault
from tests.chaos.recorder import History
from tests.chaos.recovery import recoveries


def event(second: float, **data: Any) -> Event:
    return Event(id=f"{int(second * 1000)}-0", type="status", data=data)


def lost(*, again: float) -> History:
    """Return the history of a job claimed at 10, requeued at 45, claimed again by another worker."""
    return History(
        [
            event(10, status="running", worker="host-1-x"),
            event(45, status="queued", reason="worker_lost"),
            event(again, status="running", worker="host-2-x"),
        ]
    )


def test_a_recovery_counts_from_the_kill_to_the_next_claim() -> None:
    (found,) = recoveries([lost(again=46)], [Fault(12, "kill", 1)], {"host-2-x": 5.0}, lease=30)
    assert found.seconds == pytest.approx(34)


def test_time_without_an_idle_worker_is_subtracted_after_the_lease() -> None:
    (found,) = recoveries([lost(again=60)], [Fault(12, "kill", 1)], {"host-2-x": 58.0}, lease=30)
    assert found.no_idle_worker == pytest.approx(58 - 42)
    assert found.seconds == pytest.approx(48 - 16)


def test_a_worker_that_was_cut_off_was_not_idle_meanwhile() -> None:
    faults = [Fault(12, "kill", 1), Fault(44, "cut", 2, until=54)]
    (found,) = recoveries([lost(again=60)], faults, {"host-2-x": 5.0}, lease=30)
    assert found.seconds == pytest.approx(48 - 10)


def test_a_dead_worker_is_not_idle_when_its_job_is_requeued() -> None:
    seen_at = {"host-1-x": 5.0, "host-2-x": 58.0}
    (found,) = recoveries([lost(again=60)], [Fault(12, "kill", 1)], seen_at, lease=30)
    assert found.seconds == pytest.approx(48 - 16)


def test_a_worker_that_claimed_before_it_was_seen_is_busy_when_it_is_seen() -> None:
    other = History([event(39, worker="host-3-x"), event(57, status="succeeded")])
    seen_at = {"host-2-x": 59.0, "host-3-x": 40.0}
    found = recoveries([lost(again=60), other], [Fault(12, "kill", 1)], seen_at, lease=30)
    assert found[0].no_idle_worker == pytest.approx(57 - 42)


def test_a_worker_was_not_idle_before_it_was_up() -> None:
    faults = [Fault(12, "kill", 1), Fault(43, "kill redis", 0, until=44)]
    (found,) = recoveries([lost(again=60)], faults, {"host-2-x": 58.0}, lease=30)
    assert found.no_idle_worker == pytest.approx(58 - 42)


def test_a_worker_at_work_is_not_idle_when_redis_is_back() -> None:
    other = History([event(39, status="running", worker="host-2-x"), event(58, status="succeeded")])
    faults = [Fault(12, "kill", 1), Fault(43, "kill redis", 0, until=44)]
    found = recoveries([lost(again=60), other], faults, {"host-2-x": 5.0}, lease=30)
    assert found[0].no_idle_worker == pytest.approx(58 - 42)


def test_a_worker_whose_child_was_killed_is_idle_again() -> None:
    other = History([event(39, status="running", worker="host-2-x"), event(75, reason="worker_lost")])
    faults = [Fault(12, "kill", 1), Fault(50, "kill child", 2, until=50.1)]
    found = recoveries([lost(again=60), other], faults, {"host-2-x": 5.0}, lease=30)
    assert found[0].no_idle_worker == pytest.approx(50.1 - 42)


def test_a_run_that_waited_for_room_is_no_recovery() -> None:
    history = History(
        [event(1, worker="host-1-x"), event(2, reason="storage_full"), event(30, worker="host-1-x")],
    )
    assert recoveries([history], [], {"host-1-x": 0.0}, lease=30) == []
