import os
from pathlib import Path

import pytest

from worker import cores


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    return tmp_path


def test_workers_of_a_machine_divide_its_cores(group: Path) -> None:
    assert [cores.share(workers, group) for workers in (0, 1, 2, 3, 8, 20)] == [8, 8, 4, 2, 1, 1]


@pytest.mark.parametrize(("limit", "expected"), [("max 100000", 8), ("250000 100000", 2), ("20000 100000", 1)])
def test_the_limit_of_the_control_group_counts(group: Path, limit: str, expected: int) -> None:
    (group / "cpu.max").write_text(limit + "\n")
    assert cores.cores(group) == expected
