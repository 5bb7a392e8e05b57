import os
from pathlib import Path

import pytest

from worker import cores


def test_workers_of_a_machine_divide_its_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert [cores.share(workers, tmp_path) for workers in (0, 1, 2, 3, 8, 20)] == [8, 8, 4, 2, 1, 1]
