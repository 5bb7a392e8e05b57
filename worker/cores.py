"""How many threads a run on the CPU uses: its worker's share of the cores."""

from __future__ import annotations

from pathlib import Path

from jobs.cores import CONTROL_GROUP, cores


def share(workers: int, control_group: Path = CONTROL_GROUP) -> int:
    """Return the cores for one of so many workers on this machine, at least one."""
    return max(1, cores(control_group) // max(1, workers))
