"""The CPU cores that a process may use."""

from __future__ import annotations

import os
from pathlib import Path

CONTROL_GROUP = Path("/sys/fs/cgroup")


def cores(control_group: Path = CONTROL_GROUP) -> int:
    """Return the number of cores that this process may use: its affinity, limited by the CPU quota of the cgroup."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = (control_group / "cpu.max").read_text().split()
    except (OSError, ValueError):
        return usable
    return usable if quota == "max" else max(1, min(usable, round(int(quota) / int(period))))


def cores_per_worker(workers: int, control_group: Path = CONTROL_GROUP) -> int:
    """Return the number of cores for each of the workers on this machine, at least one."""
    return max(1, cores(control_group) // max(1, workers))
