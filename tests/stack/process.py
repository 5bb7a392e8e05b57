"""A process of the service under test."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

from tests.waiting import until

STOP_SECONDS = 30.0
# Small pictures gain nothing from more threads, and tests share the cores.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "NST_WORKER_THREADS": "1", "NST_WORKER_NICE": "0"}


def clean_environment() -> dict[str, str]:
    """Return this process's environment without the caller's NST_ variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith("NST_")}


def processes_with(text: str) -> set[int]:
    """Return the ids of the processes that have a text in their command line or environment."""
    found = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if any(text in value for value in (*process.cmdline(), *process.environ().values())):
                found.add(process.pid)
    return found


class Process:
    """A command with a process group and a log file; it can be ended and started again."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        log: Path,
        is_ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self.name, self.command, self.environment, self.log = name, command, dict(environment), log
        self._is_ready = is_ready
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Return the process id, also after the process has ended."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Tell whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the command."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Wait until the process does its work; fail with the end of its log if it ends before."""
        try:
            until(lambda: not self.is_running or self._is_ready(), f"{self.name} did not become ready")
            assert self.is_running, f"{self.name} ended"
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log.read_text()[-3000:]}") from None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the whole group."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Wait until the process has ended and return its exit code."""
        assert self._process is not None
        return self._process.wait(seconds)

    def kill(self) -> None:
        """Kill the whole group."""
        self.send(signal.SIGKILL)
        self.wait()

    def stop(self, seconds: float = STOP_SECONDS) -> int:
        """Send SIGTERM to the process, wait, kill what is left of the group, and return the exit code."""
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            return self.wait(seconds)
        except subprocess.TimeoutExpired:
            return -signal.SIGKILL
        finally:
            self.kill()

    def cpu_seconds(self) -> float:
        """Return the CPU time of the process and its children, also of those that have ended, such as decoders."""
        times = [process.cpu_times() for process in self._family()]
        return float(sum(used.user + used.system + used.children_user + used.children_system for used in times))

    def memory_bytes(self) -> int:
        """Return the memory of the process and its children; a page that n processes share counts 1/n in each."""
        total = 0
        for process in self._family():
            with suppress(psutil.NoSuchProcess):
                total += process.memory_full_info().pss
        return total

    def _family(self) -> list[psutil.Process]:
        main = psutil.Process(self.pid)
        return [main, *main.children(recursive=True)]
