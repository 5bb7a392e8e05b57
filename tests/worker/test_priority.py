"""How a process that computes gives way."""

import os
import subprocess
import sys

import pytest


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="Linux has this way of scheduling")
def test_a_process_gives_way_in_priority_and_at_waking() -> None:
    told = "import os; from worker.priority import give_way; give_way(3); print(os.nice(0), os.sched_getscheduler(0))"
    before = os.nice(0)
    found = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout
    assert found.split() == [str(min(19, before + 3)), str(os.SCHED_BATCH)]
