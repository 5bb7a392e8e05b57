"""The arithmetic of recoveries, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.model import Event
from tests.chaos.faults import Deed
from tests.chaos.recovery import recoveries
from tests.chaos.watch import Life


def event(second: float, **data: Any) -> Event:
    return Event(id=f"{int(second * 1000)}-0", type="status", data=data)


def lost(*, again: float) -> Life:
    """Return the life of a job claimed at 10, taken back at 45, claimed again by another worker."""
    return Life(
        [
            event(10, status="running", worker="host-1-x"),
            event(45, status="queued", reason="worker_lost"),
            event(again, status="running", worker="host-2-x"),
        ]
    )


def test_a_recovery_counts_from_the_kill_to_the_next_claim() -> None:
    (found,) = recoveries([lost(again=46)], [Deed(12, "kill", 1)], {"host-2-x": 5.0}, lease=30)
    assert found.seconds == pytest.approx(34)


def test_time_without_an_idle_worker_is_taken_off_after_the_lease() -> None:
    (found,) = recoveries([lost(again=60)], [Deed(12, "kill", 1)], {"host-2-x": 58.0}, lease=30)
    assert found.nobody_idle == pytest.approx(58 - 42)
    assert found.seconds == pytest.approx(48 - 16)


def test_a_worker_that_was_cut_off_was_not_idle_meanwhile() -> None:
    deeds = [Deed(12, "kill", 1), Deed(44, "cut", 2, until=54)]
    (found,) = recoveries([lost(again=60)], deeds, {"host-2-x": 5.0}, lease=30)
    assert found.seconds == pytest.approx(48 - 10)


def test_a_dead_worker_is_not_idle_when_its_job_is_taken_back() -> None:
    ready = {"host-1-x": 5.0, "host-2-x": 58.0}
    (found,) = recoveries([lost(again=60)], [Deed(12, "kill", 1)], ready, lease=30)
    assert found.seconds == pytest.approx(48 - 16)


def test_a_worker_that_claimed_before_it_was_seen_is_busy_when_it_is_seen() -> None:
    other = Life([event(39, worker="host-3-x"), event(57, status="succeeded")])
    ready = {"host-2-x": 59.0, "host-3-x": 40.0}
    found = recoveries([lost(again=60), other], [Deed(12, "kill", 1)], ready, lease=30)
    assert found[0].nobody_idle == pytest.approx(57 - 42)


def test_a_worker_was_not_idle_before_it_was_up() -> None:
    deeds = [Deed(12, "kill", 1), Deed(43, "kill redis", 0, until=44)]
    (found,) = recoveries([lost(again=60)], deeds, {"host-2-x": 58.0}, lease=30)
    assert found.nobody_idle == pytest.approx(58 - 42)


def test_a_worker_at_work_is_not_idle_when_redis_is_back() -> None:
    other = Life([event(39, status="running", worker="host-2-x"), event(58, status="succeeded")])
    deeds = [Deed(12, "kill", 1), Deed(43, "kill redis", 0, until=44)]
    found = recoveries([lost(again=60), other], deeds, {"host-2-x": 5.0}, lease=30)
    assert found[0].nobody_idle == pytest.approx(58 - 42)


def test_a_worker_whose_child_was_killed_is_idle_again() -> None:
    other = Life([event(39, status="running", worker="host-2-x"), event(75, reason="worker_lost")])
    deeds = [Deed(12, "kill", 1), Deed(50, "kill child", 2, until=50.1)]
    found = recoveries([lost(again=60), other], deeds, {"host-2-x": 5.0}, lease=30)
    assert found[0].nobody_idle == pytest.approx(50.1 - 42)


def test_a_run_that_waited_for_room_is_no_recovery() -> None:
    life = Life(
        [event(1, worker="host-1-x"), event(2, reason="storage_full"), event(30, worker="host-1-x")],
    )
    assert recoveries([life], [], {"host-1-x": 0.0}, lease=30) == []
