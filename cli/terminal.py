"""Terminal output: tables, and the progress of runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column, Table
from rich.text import Text

if TYPE_CHECKING:
    from nst_client import Event, Job
    from nst_client import Progress as JobProgress

PIPE_COLUMNS = 200  # the width if the output is not a terminal
LEAST_SECONDS, MOST_SECONDS = 10.0, 60.0  # from one line about the progress to the next
PREPARATIONS = {"queued": "waiting for a worker", "running": "loading the network"}  # by the status of a job


def console(*, stderr: bool = False) -> Console:
    """Return a console; output that is not a terminal gets plain text in long lines."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, highlight=False, markup=False, width=None if stream.isatty() else PIPE_COLUMNS)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Build a table with a header."""
    made = Table(box=None, header_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        made.add_column(column, overflow="fold", no_wrap=number == 0)
    for row in rows:
        made.add_row(*row)
    return made


@dataclass(frozen=True, kw_only=True)
class RunState:
    """How far a run is: `done` of `total` iterations or frames are finished; `total` is None before the first one."""

    status: str
    done: float = 0
    total: float | None = None
    loss: float | None = None
    note: str = ""
    seconds_left: float | None = None


@contextmanager
def progress_display(*, quiet: bool = False) -> Iterator[Callable[[RunState], None]]:
    """Yield a function that shows a state on stderr: in a bar on a terminal, else as a line now and then."""
    screen = console(stderr=True)
    if quiet:
        yield lambda _: None
    elif screen.is_interactive:
        with _bar(screen) as bar:
            task = bar.add_task("", total=None, loss="-", note="", seconds_left=None)
            yield lambda state: _show_in_bar(bar, task, state)
    else:
        yield ProgressLines(lambda line: typer.echo(line, err=True)).show


def _bar(screen: Console) -> Progress:
    columns: tuple[Any, ...] = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=4)),  # gives way to the figures
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TextColumn("loss {task.fields[loss]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        _TimeLeftColumn(),
    )
    return Progress(*columns, console=screen, expand=True)


class _TimeLeftColumn(ProgressColumn):
    """Shows the estimated time left; Rich's own column takes all iterations for equally long."""

    def render(self, task: Task) -> Text:
        seconds = task.fields["seconds_left"]
        return Text("-:--:--" if seconds is None else str(timedelta(seconds=round(seconds))))


def _show_in_bar(bar: Progress, task: TaskID, state: RunState) -> None:
    bar.update(task, description=state.status)
    if state.total is not None:
        loss = "-" if state.loss is None else f"{state.loss:.4g}"
        done, left = state.done, state.seconds_left
        bar.update(task, total=state.total, completed=done, loss=loss, note=state.note, seconds_left=left)


class ProgressLines:
    """Writes a line for each new status, and for each tenth of a run, but not more often than LEAST_SECONDS."""

    def __init__(self, write: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._clock = write, clock
        self._status, self._tenth, self._written = "", 0, clock()

    def show(self, state: RunState) -> None:
        """Write a line if one is due."""
        now, share = self._clock(), state.done / state.total if state.total else 0.0
        waited, tenth = now - self._written, int(10 * share)
        due = waited >= MOST_SECONDS or (waited >= LEAST_SECONDS and tenth > self._tenth)
        if due or state.status != self._status:
            self._status, self._tenth, self._written = state.status, tenth, now
            self._write(_line(state, share))


def _line(state: RunState, share: float) -> str:
    if state.total is None:
        told = PREPARATIONS.get(state.status, "")
    else:
        left = "" if state.seconds_left is None else f"about {_duration(state.seconds_left)} left"
        told = ", ".join(filter(None, (f"{100 * share:.0f} %", state.note, left)))
    return f"{state.status}: {told}" if told else state.status


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def show_event(show: Callable[[RunState], None], event: Event) -> None:
    """Show one of a job's events."""
    from nst_client import Progress as JobProgress

    if event.type == "progress":
        show(_job_state("running", JobProgress.from_json(event.data)))
    elif "status" in event.data:
        show(RunState(status=str(event.data["status"])))


def show_job(show: Callable[[RunState], None], job: Job) -> None:
    """Show the state of a job; the last iterations come without an event."""
    show(_job_state(job.status, job.progress))


def _job_state(status: str, progress: JobProgress | None) -> RunState:
    if progress is None:
        return RunState(status=status)
    return RunState(
        status=status,
        done=progress.iteration,
        total=progress.total,
        loss=progress.loss,
        note=f"frame {progress.frame} of {progress.frames}" if progress.frames else "",
        seconds_left=progress.eta_seconds,
    )
