"""The journal of the fake engine: which process computed which iteration of which job, and when."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LONGEST_STEP_SECONDS = 1.0  # a longer gap is a process that was stopped, not work


@dataclass(frozen=True)
class Line:
    """One line of the journal."""

    at: float
    seed: int
    iteration: int
    what: str  # begin | step | upload
    pid: int


def read(path: Path) -> list[Line]:
    """Read the whole journal."""
    return [Line(*json.loads(line)) for line in path.read_text().splitlines()]


async def next_line(path: Path, what: str, pids: Callable[[], set[int]], *, seconds: float) -> Line | None:
    """Wait for the next line of a kind by one of the processes, at most so many seconds."""
    deadline = time.monotonic() + seconds
    with path.open() as file:
        file.seek(0, 2)
        text = ""
        while time.monotonic() < deadline:
            text += file.readline()  # at the end of the file it may return the beginning of a line
            if not text.endswith("\n"):
                await asyncio.sleep(0.003)
                continue
            line, text = Line(*json.loads(text)), ""
            if line.what == what and line.pid in pids():
                return line
    return None


def repeated_work(lines: list[Line]) -> list[float]:
    """Return, for every attempt but the first of each job, the seconds of work that it repeated."""
    return [_work_seconds(steps) for steps in lost_steps(lines)]


def lost_steps(lines: list[Line]) -> list[list[Line]]:
    """Return, for every attempt but the first of each job, the steps of the one before that it repeats."""
    attempts: dict[int, list[_Attempt]] = defaultdict(list)
    for line in sorted(lines, key=lambda line: line.at):
        if line.what == "begin":
            attempts[line.seed].append(_Attempt(line.iteration, line.pid, line.at, []))
        elif line.what == "step":
            next(tried for tried in reversed(attempts[line.seed]) if tried.pid == line.pid).steps.append(line)
    return [
        [step for step in first.steps if step.iteration > second.begin and step.at < second.at]
        for tried in attempts.values()
        for first, second in itertools.pairwise(tried)
    ]


@dataclass(frozen=True)
class _Attempt:
    begin: int
    pid: int
    at: float
    steps: list[Line]


def _work_seconds(steps: list[Line]) -> float:
    return sum(min(b.at - a.at, LONGEST_STEP_SECONDS) for a, b in itertools.pairwise(steps))
