"""How a process that computes gives way to those that answer."""

from __future__ import annotations

import contextlib
import os


def lower_cpu_priority(nice: int) -> None:
    """Lower the priority of this process, and do not have it run before others when it wakes (Linux)."""
    os.nice(nice)
    # With SCHED_BATCH the tail of status polls beside a run is about half as long, and the run is as fast. It is a
    # matter of luxury: a sandbox that refuses it gets a worker all the same.
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
