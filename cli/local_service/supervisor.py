"""Child processes that are kept alive: their output goes to one log, a dead one is started again after a pause."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from cli.errors import CommandError
from cli.local_service.log_format import readable

LONGEST_LINE = 1024 * 1024
WRONG_SETTING = 2  # a child that ends with this code would do so again
WELL_AFTER_SECONDS = 30.0
Say = Callable[[str, str], None]  # who, what


class SupervisorSettings(BaseSettings):
    """What an operator may set of `nst up` itself."""

    model_config = SettingsConfigDict(env_prefix="NST_", env_ignore_empty=True, frozen=True, extra="ignore")

    restart_limit: int = Field(
        8,
        ge=0,
        description="`nst up` gives up when a part of it has ended this often in a row, each time within "
        f"{WELL_AFTER_SECONDS:g} s of its start (8 times takes about a minute); 0: never.",
    )


@dataclass(frozen=True, kw_only=True)
class Role:
    """One child: its name in the log, how it is started, how long it may take to end."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    grace_seconds: float = 20.0


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """How long to wait before a child is started again: doubling, and from the start once it has run well.

    `limit` is the number of failures in a row after which it is not; 0 for none.
    """

    first_seconds: float = 0.5
    longest_seconds: float = 15.0
    well_after_seconds: float = WELL_AFTER_SECONDS
    limit: int = 0

    def failures(self, before: int, ran_seconds: float) -> int:
        """Count the failures in a row, this one included."""
        return 1 if ran_seconds >= self.well_after_seconds else before + 1

    def pause(self, failures: int) -> float:
        """Return the pause after so many failures in a row."""
        return float(min(self.first_seconds * 2 ** min(failures - 1, 30), self.longest_seconds))


class Child:
    """One role, kept running until it is told to end."""

    def __init__(
        self, role: Role, say: Say, *, backoff: Backoff | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.role = role
        self._say, self._backoff, self._clock = say, backoff or Backoff(), clock
        self._ending = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._last_line = ""

    @property
    def pid(self) -> int | None:
        """Return the process id, None while there is none."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def keep(self) -> None:
        """Run the child, again and again, until `end`; raises CommandError if it cannot run, with its last words."""
        failures = 0
        while not self._ending.is_set():
            started = self._clock()
            code = await self._run()
            if self._ending.is_set():
                return
            if code == WRONG_SETTING:
                raise CommandError(f"{self.role.name} cannot run: {self._last_words()}", exit_code=code)
            failures = self._backoff.failures(failures, self._clock() - started)
            if failures == self._backoff.limit:
                often = f"ended {failures} times in a row, at last with {_told(code)}: {self._last_words()}"
                raise CommandError(f"{self.role.name} {often} (NST_RESTART_LIMIT)")
            pause = self._backoff.pause(failures)
            self._say(self.role.name, f"ended with {_told(code)}; starting it again in {pause:g} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), pause)

    async def end(self, *, grace_seconds: float | None = None) -> None:
        """Ask the child to end, and make it end when its grace is over."""
        self._ending.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), self.role.grace_seconds if grace_seconds is None else grace_seconds)
        except TimeoutError:
            self._say(self.role.name, "does not end: killed")
        # The group too: what the child left behind shares its session.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    async def _run(self) -> int:
        # A pipe of our own: asyncio's would have `wait` wait for everyone who holds it, grandchildren too.
        ours, theirs = os.pipe()
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                *self.role.command,
                env=dict(self.role.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which ends the children in order
                preexec_fn=_end_with_parent,
            )
        finally:
            os.close(theirs)
        reading = asyncio.create_task(self._read(ours))
        code = await process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await reading
        return code

    async def _read(self, pipe: int) -> None:
        reader = asyncio.StreamReader(limit=LONGEST_LINE)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(pipe, "rb"))
        with contextlib.closing(transport):
            while True:
                try:
                    line = await reader.readline()
                except ValueError:  # a line longer than the limit is passed over
                    continue
                if not line:
                    return
                said = line.decode(errors="replace").rstrip()
                self._last_line = said or self._last_line
                self._say(self.role.name, said)

    def _last_words(self) -> str:
        """Return what the child said last, without the command's name that an error begins with."""
        return re.sub(r"^nst( \w+)?: ", "", readable(self._last_line)) or "it said nothing"


def _end_with_parent() -> None:
    """Have the kernel end this child should the parent be killed, so that nothing is left behind (Linux)."""
    if sys.platform == "linux":
        set_death_signal = 1  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(set_death_signal, signal.SIGTERM)


def _told(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"


def log_to(path: Path) -> Say:
    """Return a log that is a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")

    def say(who: str, what: str) -> None:
        with path.open("a") as file:
            file.write(f"{who:>7} | {what}\n")

    return say
