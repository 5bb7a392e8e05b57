import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.errors import CommandError
from cli.local_service.supervisor import Backoff, Child, Role

SOON = Backoff(first_seconds=0.001, longest_seconds=0.001)
WAIT_FOR_EVER = "import signal; print('up', flush=True); signal.pause()"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"
WITH_A_CHILD = """
import subprocess, sys, signal
child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])
print(child.pid, flush=True)
signal.pause()
"""


class Log:
    """What the children said, and a wait until one says something."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._changed = asyncio.Event()

    def say(self, who: str, what: str) -> None:
        self.lines.append(what)
        self._changed.set()

    async def until(self, is_so: Callable[[list[str]], bool]) -> None:
        async with asyncio.timeout(30):
            while not is_so(self.lines):
                await self._changed.wait()
                self._changed.clear()


def child(log: Log, code: str, *, grace_seconds: float = 20.0, backoff: Backoff = SOON) -> Child:
    role = Role(
        name="it", command=(sys.executable, "-c", code), environment=dict(os.environ), grace_seconds=grace_seconds
    )
    return Child(role, log.say, backoff=backoff)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_pause_doubles_up_to_the_longest() -> None:
    backoff = Backoff(first_seconds=0.5, longest_seconds=3)
    assert [backoff.pause(n) for n in (1, 2, 3, 4, 400)] == [0.5, 1, 2, 3, 3]


def test_failures_count_from_the_start_after_a_good_run() -> None:
    backoff = Backoff(well_after_seconds=30)
    assert (backoff.failures(4, ran_seconds=29), backoff.failures(4, ran_seconds=30)) == (5, 1)


def test_a_child_that_dies_is_started_again() -> None:
    async def main() -> None:
        log = Log()
        kept = child(log, WAIT_FOR_EVER)
        keeping = asyncio.create_task(kept.keep())
        await log.until(lambda lines: "up" in lines)
        os.kill(kept.pid or 0, signal.SIGKILL)
        await log.until(lambda lines: lines.count("up") == 2)
        await kept.end()
        await keeping
        assert any("ended with signal SIGKILL" in line for line in log.lines)

    asyncio.run(main())


def test_a_child_that_ends_well_is_started_again_too() -> None:
    async def main() -> None:
        log = Log()
        kept = child(log, "print('up')")
        keeping = asyncio.create_task(kept.keep())
        await log.until(lambda lines: lines.count("up") >= 2)
        await kept.end()
        await keeping

    asyncio.run(main())


def test_a_child_that_refuses_its_settings_is_not_started_again() -> None:
    async def main() -> None:
        code = "import sys; print('nst worker: no such device', file=sys.stderr); sys.exit(2)"
        with pytest.raises(CommandError, match=r"^it cannot run: no such device$") as caught:
            await child(Log(), code).keep()
        assert caught.value.exit_code == 2

    asyncio.run(main())


def test_a_child_that_fails_too_often_in_a_row_is_not_started_again() -> None:
    async def main() -> None:
        log = Log()
        backoff = Backoff(first_seconds=0.001, longest_seconds=0.001, limit=3)
        with pytest.raises(CommandError) as caught:
            await child(log, "print('oh'); raise SystemExit(5)", backoff=backoff).keep()
        assert log.lines.count("oh") == 3
        assert str(caught.value) == "it ended 3 times in a row, at last with code 5: oh (NST_RESTART_LIMIT)"
        assert caught.value.exit_code == 1

    asyncio.run(main())


def test_a_child_that_runs_well_between_its_failures_is_always_started_again() -> None:
    async def main() -> None:
        log = Log()
        backoff = Backoff(first_seconds=0.001, longest_seconds=0.001, well_after_seconds=0, limit=2)
        kept = child(log, "print('oh')", backoff=backoff)
        keeping = asyncio.create_task(kept.keep())
        await log.until(lambda lines: lines.count("oh") == 5)
        await kept.end()
        await keeping

    asyncio.run(main())


def test_ending_waits_for_the_child_to_end_by_itself() -> None:
    async def main() -> None:
        log = Log()
        kept = child(log, WAIT_FOR_EVER)
        keeping = asyncio.create_task(kept.keep())
        await log.until(lambda lines: "up" in lines)
        await kept.end()
        await keeping
        assert kept.pid is None

    asyncio.run(main())


def test_a_child_deaf_to_its_end_is_killed() -> None:
    async def main() -> None:
        log = Log()
        kept = child(log, DEAF, grace_seconds=0.05)
        keeping = asyncio.create_task(kept.keep())
        await log.until(lambda lines: "up" in lines)
        await kept.end()
        await keeping
        assert "does not end: killed" in log.lines

    asyncio.run(main())


def test_what_a_child_started_ends_with_it() -> None:
    async def main() -> None:
        log = Log()
        kept = child(log, WITH_A_CHILD)
        keeping = asyncio.create_task(kept.keep())
        await log.until(lambda lines: bool(lines))
        await kept.end()
        await keeping
        async with asyncio.timeout(30):  # killed, but the kernel takes its time to bury it
            while is_alive(int(log.lines[0])):
                await asyncio.sleep(0)

    asyncio.run(main())


def test_a_line_too_long_to_hold_is_passed_over() -> None:
    async def main() -> None:
        log = Log()
        kept = child(log, "print('x' * 3_000_000); print('after', flush=True); import signal; signal.pause()")
        keeping = asyncio.create_task(kept.keep())
        await log.until(lambda lines: "after" in lines)
        await kept.end()
        await keeping

    asyncio.run(main())
