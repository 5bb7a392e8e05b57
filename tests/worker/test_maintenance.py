"""Periodic tasks and the maintenance process."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs.errors import StoreUnavailable
from tests.waiting import until
from worker.maintenance import Maintenance, PeriodicTask


def test_a_task_goes_on_after_every_kind_of_error(caplog: pytest.LogCaptureFixture) -> None:
    errors, done = iter([StoreUnavailable("Redis is away."), ZeroDivisionError()]), threading.Event()

    def function() -> None:
        for error in errors:
            raise error
        done.set()

    task = PeriodicTask(function, name="the test", seconds=0.01)
    task.start()
    assert done.wait(10)
    task.stop(wait_seconds=10)
    expected, unexpected = caplog.records
    assert expected.getMessage() == "the test failed, next try in 0.01 s: Redis is away."
    assert expected.exc_info is None
    assert unexpected.exc_info is not None


def test_a_stopped_task_makes_no_further_call() -> None:
    called = threading.Event()
    task = PeriodicTask(called.set, name="the test", seconds=0.01)
    task.start()
    assert called.wait(10)
    task.stop(wait_seconds=10)
    assert "the test" not in [thread.name for thread in threading.enumerate()]


def test_a_task_that_never_started_can_be_stopped() -> None:
    PeriodicTask(lambda: None, name="the test", seconds=1).stop(wait_seconds=1)


def recorder(path: Path) -> Callable[[], list[PeriodicTask]]:
    """Return a function that builds a task which writes the id of its process to a file."""

    def write() -> None:
        path.write_text(str(os.getpid()))

    return lambda: [PeriodicTask(write, name="recorder", seconds=0.02)]


def pid_in(path: Path, *, other_than: int = 0) -> int:
    def read() -> int:
        pid = int((path.exists() and path.read_text()) or 0)
        return pid if pid != other_than else 0

    return int(until(read, "no task has run", seconds=20))


@pytest.fixture
def maintenance(tmp_path: Path) -> Iterator[Maintenance]:
    process = Maintenance(recorder(tmp_path / "pid"))
    process.start()
    yield process
    process.stop()


def test_tasks_run_in_another_process_that_ends_when_told(maintenance: Maintenance, tmp_path: Path) -> None:
    pid = pid_in(tmp_path / "pid")
    assert pid != os.getpid()
    maintenance.stop()
    until(lambda: not Path(f"/proc/{pid}").exists(), "the maintenance process did not end", seconds=10)


def test_a_process_that_dies_is_restarted(maintenance: Maintenance, tmp_path: Path) -> None:
    first = pid_in(tmp_path / "pid")
    os.kill(first, signal.SIGKILL)
    assert pid_in(tmp_path / "pid", other_than=first) != first


def test_a_process_whose_parent_is_killed_ends(tmp_path: Path) -> None:
    parent = os.fork()
    if parent == 0:
        Maintenance(recorder(tmp_path / "pid")).start()
        signal.pause()
        os._exit(0)
    pid = pid_in(tmp_path / "pid")
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)

    def is_gone() -> bool:
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"

    until(is_gone, "the maintenance process lives on", seconds=10)
