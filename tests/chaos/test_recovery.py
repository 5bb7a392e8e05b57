"""Recoveries of histories written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.model import Event
from tests.chaos.faults import Fault
from tests.chaos.journal import Line
from tests.chaos.recorder import History
from tests.chaos.recovery import RepeatedFrames, recoveries, repeated_frames


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


def film_lost_at(second: int, *, stored: int) -> list[Line]:
    """Return the journal of a film whose frames take two steps of a second; it is lost, and resumed after a frame."""
    steps = [Line(float(at), 7, at, "step", 1) for at in range(1, second + 1)]
    return [Line(0.0, 7, 0, "begin", 1), *steps, Line(second + 9.0, 7, stored * 2, "begin", 2)]


def test_the_frame_in_hand_and_those_since_the_last_checkpoint_may_be_painted_again() -> None:
    found = repeated_frames(film_lost_at(9, stored=2), {7: 2}, [], checkpoint=4)
    assert found == [RepeatedFrames(frames=3, beyond_segment=0)]  # frames 3 and 4 were finished at 6 and 8


def test_a_frame_that_should_have_been_stored_must_not_be_painted_again() -> None:
    found = repeated_frames(film_lost_at(9, stored=1), {7: 2}, [], checkpoint=4)
    assert found == [RepeatedFrames(frames=4, beyond_segment=1)]  # frame 2 was finished at 4


def test_a_frame_need_not_be_stored_while_redis_is_away() -> None:
    away = Fault(7.5, "kill redis", 0, until=8)
    found = repeated_frames(film_lost_at(9, stored=1), {7: 2}, [away], checkpoint=4)
    assert found == [RepeatedFrames(frames=4, beyond_segment=0)]


def test_a_film_that_goes_on_from_its_last_frame_repeats_none() -> None:
    assert repeated_frames(film_lost_at(8, stored=4), {7: 2}, [], checkpoint=4) == []


def test_frames_are_stored_once_redis_has_been_back_for_long_enough() -> None:
    away = Fault(2.5, "kill redis", 0, until=4.5)
    found = repeated_frames(film_lost_at(9, stored=1), {7: 2}, [away], checkpoint=4)
    assert found == [RepeatedFrames(frames=4, beyond_segment=1)]
