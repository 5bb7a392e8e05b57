"""The cores that a process may use."""

import os
from pathlib import Path

import pytest

from jobs.cores import cores, cores_per_worker


@pytest.mark.parametrize(("limit", "expected"), [("max 100000", 8), ("250000 100000", 2), ("20000 100000", 1)])
def test_the_limit_of_the_control_group_counts(
    limit: str, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    (tmp_path / "cpu.max").write_text(limit + "\n")
    assert cores(tmp_path) == expected


def test_workers_of_a_machine_divide_its_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert [cores_per_worker(workers, tmp_path) for workers in (0, 1, 2, 3, 8, 20)] == [8, 8, 4, 2, 1, 1]
