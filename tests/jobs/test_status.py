"""The states of a job."""

from __future__ import annotations

from jobs.model import new_job_id
from jobs.status import Status


def test_three_states_are_terminal() -> None:
    assert {status for status in Status if status.is_terminal} == {Status.SUCCEEDED, Status.FAILED, Status.CANCELED}


def test_ids_sort_by_time_and_do_not_repeat() -> None:
    ids = [new_job_id(second) for second in range(1, 200)]
    assert ids == sorted(ids)
    assert len({new_job_id(1.0) for _ in range(1000)}) == 1000
