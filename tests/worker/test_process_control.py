"""Draining, priority and forks."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from worker.process_control import DrainFlag, call_in_fork


def test_a_flag_set_by_the_parent_is_seen_by_the_child_and_back() -> None:
    flag = DrainFlag()
    child = os.fork()
    if child == 0:
        flag.set()
        os._exit(0)
    os.waitpid(child, 0)
    assert flag()


def test_a_new_flag_is_not_set() -> None:
    assert not DrainFlag()()


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="Linux has this way of scheduling")
def test_a_lower_priority_is_a_niceness_and_batch_scheduling() -> None:
    code = (
        "import os; from worker.process_control import lower_cpu_priority; lower_cpu_priority(3); "
        "print(os.nice(0), os.sched_getscheduler(0))"
    )
    before = os.nice(0)
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.split() == [str(min(19, before + 3)), str(os.SCHED_BATCH)]


def test_a_function_called_in_a_fork_runs_in_another_process() -> None:
    assert call_in_fork(os.getpid) != os.getpid()


def test_an_error_in_a_fork_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        call_in_fork(divmod, 1, 0)
