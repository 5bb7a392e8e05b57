import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cli.errors import CommandError
from cli.local_service.supervisor import MAX_LINE_BYTES, Backoff, Child, ProcessSpec

pytestmark = pytest.mark.anyio

NO_PAUSE = Backoff(first_seconds=0.001, max_seconds=0.001)
PRINT_PID_AND_WAIT = "import os, signal; print(os.getpid(), flush=True); signal.pause()"
IGNORE_SIGTERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"
START_A_GRANDCHILD = """
import subprocess, sys, signal
child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])
print(child.pid, flush=True)
signal.pause()
"""


class Log:
    """The output of the children, and a wait for some of it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._changed = asyncio.Event()

    def __call__(self, source: str, line: str) -> None:
        self.lines.append(line)
        self._changed.set()

    @property
    def pids(self) -> list[int]:
        return [int(line) for line in self.lines if line.isdigit()]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await self._changed.wait()
                self._changed.clear()


def child(log: Log, code: str, *, grace_seconds: float = 20.0, backoff: Backoff = NO_PAUSE) -> Child:
    command = (sys.executable, "-c", code)
    spec = ProcessSpec(name="it", command=command, environment=dict(os.environ), grace_seconds=grace_seconds)
    return Child(spec, log, backoff=backoff)


@asynccontextmanager
async def supervised(kept: Child) -> AsyncIterator[None]:
    """Supervise a child for the duration of the block, then stop it."""
    supervision = asyncio.create_task(kept.supervise())
    yield
    await kept.stop()
    await supervision


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_the_pause_doubles_up_to_the_maximum() -> None:
    backoff = Backoff(first_seconds=0.5, max_seconds=3)
    assert [backoff.pause(n) for n in (1, 2, 3, 4, 400)] == [0.5, 1, 2, 3, 3]


async def test_failures_count_from_one_after_a_stable_run() -> None:
    backoff = Backoff(stable_seconds=30)
    assert (backoff.failures(4, ran_seconds=29), backoff.failures(4, ran_seconds=30)) == (5, 1)


async def test_a_killed_child_is_restarted() -> None:
    log = Log()
    async with supervised(child(log, PRINT_PID_AND_WAIT)):
        await log.until(lambda: len(log.pids) == 1)
        os.kill(log.pids[0], signal.SIGKILL)
        await log.until(lambda: len(log.pids) == 2)
    assert "ended with signal SIGKILL; restarting in 0.001 s" in log.lines


async def test_a_child_that_exits_without_an_error_is_restarted_too() -> None:
    log = Log()
    async with supervised(child(log, "print('up')")):
        await log.until(lambda: log.lines.count("up") >= 2)


async def test_a_child_that_refuses_its_settings_is_not_restarted() -> None:
    code = "import sys; print('nst worker: no such device', file=sys.stderr); sys.exit(2)"
    with pytest.raises(CommandError, match=r"^it cannot run: no such device$") as caught:
        await child(Log(), code).supervise()
    assert caught.value.exit_code == 2


async def test_a_child_that_fails_too_often_in_a_row_is_not_restarted() -> None:
    log = Log()
    backoff = Backoff(first_seconds=0.001, max_seconds=0.001, limit=3)
    with pytest.raises(CommandError) as caught:
        await child(log, "print('oh'); raise SystemExit(5)", backoff=backoff).supervise()
    assert log.lines.count("oh") == 3
    assert str(caught.value) == "it ended 3 times in a row, the last time with code 5: oh (NST_RESTART_LIMIT)"
    assert caught.value.exit_code == 1


async def test_a_child_that_is_stable_between_failures_is_always_restarted() -> None:
    log = Log()
    backoff = Backoff(first_seconds=0.001, max_seconds=0.001, stable_seconds=0, limit=2)
    async with supervised(child(log, "print('oh')", backoff=backoff)):
        await log.until(lambda: log.lines.count("oh") == 5)


async def test_stopping_waits_until_the_child_has_exited() -> None:
    log = Log()
    async with supervised(child(log, PRINT_PID_AND_WAIT)):
        await log.until(lambda: bool(log.pids))
    assert not is_alive(log.pids[0])
    assert len(log.lines) == 1, "neither killed nor restarted"


async def test_a_child_that_ignores_sigterm_is_killed() -> None:
    log = Log()
    async with supervised(child(log, IGNORE_SIGTERM, grace_seconds=0.05)):
        await log.until(lambda: "up" in log.lines)
    assert "did not stop in time: killed" in log.lines


async def test_a_grandchild_is_stopped_with_the_child() -> None:
    log = Log()
    async with supervised(child(log, START_A_GRANDCHILD)):
        await log.until(lambda: bool(log.pids))
    async with asyncio.timeout(30):  # it has been killed, but the kernel takes its time
        while is_alive(log.pids[0]):
            await asyncio.sleep(0)


async def test_a_line_over_the_limit_is_dropped() -> None:
    log = Log()
    code = "print('x' * 3_000_000); print('after', flush=True); import signal; signal.pause()"
    async with supervised(child(log, code)):
        await log.until(lambda: "after" in log.lines)
    assert max(len(line) for line in log.lines) <= MAX_LINE_BYTES
