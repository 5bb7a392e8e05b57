"""Child processes that are restarted when they die, with their output in one log."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.errors import CommandError
from cli.local_service.log_format import format_line, printable
from cli.settings import STABLE_SECONDS
from worker.process_control import die_with_parent

MAX_LINE_BYTES = 1024 * 1024
EXIT_INVALID_SETTING = 2  # a child that exits with this code would do so again
Log = Callable[[str, str], None]  # takes the source and the line


@dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """How to start one child, and how long it may take to stop."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    grace_seconds: float = 20.0


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Pauses before restarts: each is twice as long as the last, until a child has run for `stable_seconds`.

    After `limit` failures in a row the child is not restarted; 0 means no limit.
    """

    first_seconds: float = 0.5
    max_seconds: float = 15.0
    stable_seconds: float = STABLE_SECONDS
    limit: int = 0

    def failures(self, before: int, ran_seconds: float) -> int:
        """Count the failures in a row, including this one."""
        return 1 if ran_seconds >= self.stable_seconds else before + 1

    def pause(self, failures: int) -> float:
        """Return the pause after this many failures in a row."""
        return float(min(self.first_seconds * 2 ** min(failures - 1, 30), self.max_seconds))


class Child:
    """One child process, restarted until it is stopped."""

    def __init__(
        self,
        spec: ProcessSpec,
        log: Log,
        *,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.spec = spec
        self._log, self._backoff, self._clock = log, backoff or Backoff(), clock
        self._stopping = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._last_line = ""

    async def supervise(self) -> None:
        """Run the process again and again until `stop`; raises CommandError, with its last output, if it cannot run."""
        failures = 0
        while not self._stopping.is_set():
            started = self._clock()
            code = await self._run()
            if self._stopping.is_set():
                return
            if code == EXIT_INVALID_SETTING:
                raise CommandError(f"{self.spec.name} cannot run: {self._last_output()}", exit_code=code)
            failures = self._backoff.failures(failures, self._clock() - started)
            if failures == self._backoff.limit:
                times = f"ended {failures} times in a row, the last time with {_reason(code)}: {self._last_output()}"
                raise CommandError(f"{self.spec.name} {times} (NST_RESTART_LIMIT)")
            pause = self._backoff.pause(failures)
            self._log(self.spec.name, f"ended with {_reason(code)}; restarting in {pause:g} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def stop(self, *, grace_seconds: float | None = None) -> None:
        """Terminate the process, and kill it if it has not exited after the grace period."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), self.spec.grace_seconds if grace_seconds is None else grace_seconds)
        except TimeoutError:
            self._log(self.spec.name, "did not stop in time: killed")
        # The whole group, to include processes that the child has left behind.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    async def _run(self) -> int:
        # With asyncio's own pipe, `wait` would wait until grandchildren have closed it too.
        read_end, write_end = os.pipe()
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                *self.spec.command,
                env=dict(self.spec.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                start_new_session=True,  # Ctrl-C reaches only the parent, which stops the children in order
                preexec_fn=die_with_parent,
            )
        finally:
            os.close(write_end)
        reading = asyncio.create_task(self._read(read_end))
        code = await process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await reading
        return code

    async def _read(self, pipe: int) -> None:
        reader = asyncio.StreamReader(limit=MAX_LINE_BYTES)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(pipe, "rb"))
        with contextlib.closing(transport):
            while True:
                try:
                    data = await reader.readline()
                except ValueError:  # the line is longer than the limit: drop it
                    continue
                if not data:
                    return
                line = printable(data.decode(errors="replace").rstrip())
                self._last_line = line or self._last_line
                self._log(self.spec.name, line)

    def _last_output(self) -> str:
        """Return the last line of output, without the command's name before an error."""
        return re.sub(r"^nst( \w+)?: ", "", format_line(self._last_line)) or "it printed nothing"


def _reason(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"


def file_log(path: Path) -> Log:
    """Return a log that writes to a new file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")

    def log(source: str, line: str) -> None:
        with path.open("a") as file:
            file.write(f"{source:>7} | {line}\n")

    return log
