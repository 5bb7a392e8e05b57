"""The keeper's process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.waiting import until
from worker.maintenance import Loop, Maintenance


def noting(path: Path) -> Callable[[], list[Loop]]:
    """Return what builds a chore that writes down its process, again and again."""

    def chore(stopped: Callable[[float], bool]) -> None:
        while not stopped(0.02):
            path.write_text(str(os.getpid()))

    return lambda: [chore]


def pid_in(path: Path, *, other_than: int = 0) -> int:
    def look() -> int:
        found = int((path.exists() and path.read_text()) or 0)
        return found if found != other_than else 0

    return int(until(look, "no keeper is at work", seconds=20))


def test_chores_are_done_in_another_process_which_ends_when_told(tmp_path: Path) -> None:
    keeper = Maintenance(noting(tmp_path / "pid"))
    keeper.start()
    pid = pid_in(tmp_path / "pid")
    assert pid != os.getpid()
    keeper.stop()
    until(lambda: not Path(f"/proc/{pid}").exists(), "the keeper did not end", seconds=10)


def test_a_keeper_that_dies_is_started_again(tmp_path: Path) -> None:
    keeper = Maintenance(noting(tmp_path / "pid"))
    keeper.start()
    first = pid_in(tmp_path / "pid")
    os.kill(first, signal.SIGKILL)
    assert pid_in(tmp_path / "pid", other_than=first) != first
    keeper.stop()


def test_a_keeper_whose_parent_is_killed_ends(tmp_path: Path) -> None:
    parent = os.fork()
    if parent == 0:
        Maintenance(noting(tmp_path / "pid")).start()
        time.sleep(60)
        os._exit(0)
    pid = pid_in(tmp_path / "pid")
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)

    def is_gone() -> bool:
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"

    until(is_gone, "the keeper lives on", seconds=10)
