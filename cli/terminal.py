"""Terminal output: tables and progress bars."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table

if TYPE_CHECKING:
    from nst_client import Event, Job

PIPE_COLUMNS = 200  # the width if the output is not a terminal


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


def progress_bar(*, quiet: bool = False) -> Progress:
    """Return a bar on stderr whose tasks have the fields `loss` and `note`."""
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
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console(stderr=True), disable=quiet, expand=True)


def show_event(bar: Progress, task: TaskID, event: Event) -> None:
    """Update a job's bar from one of its events."""
    data = event.data
    if event.type == "progress":
        loss = data.get("loss")
        shown = "-" if loss is None else f"{loss:.4g}"
        note = f"frame {data.get('frame')} of {data['frames']}" if data.get("frames") else ""
        bar.update(task, total=data.get("total"), completed=data.get("iteration"), loss=shown, note=note)
    elif "status" in data:
        bar.update(task, description=str(data["status"]))


def show_end(bar: Progress, task: TaskID, job: Job) -> None:
    """Update a job's bar once the job has ended; the last iterations come without an event."""
    bar.update(task, description=job.status)
    if job.progress is not None:
        bar.update(task, total=job.progress.total, completed=job.progress.iteration)
