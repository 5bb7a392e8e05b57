"""What a terminal shows: tables, and a bar with loss and time left."""

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
from rich.table import Table

if TYPE_CHECKING:
    from nst_client import Event, Job

WIDE = 200  # columns of what is no terminal


def console(*, stderr: bool = False) -> Console:
    """Return a console; what is not a terminal gets plain text, in long lines."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, highlight=False, markup=False, width=None if stream.isatty() else WIDE)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Lay rows out under a heading."""
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
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TextColumn("loss {task.fields[loss]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console(stderr=True), disable=quiet)


def show_event(bar: Progress, task: TaskID, event: Event) -> None:
    """Bring a job's line in a bar up to date with what the service tells."""
    told = event.data
    if event.type == "progress":
        loss = told.get("loss")
        shown = "-" if loss is None else f"{loss:.4g}"
        bar.update(task, total=told.get("total"), completed=told.get("iteration"), loss=shown)
    elif "status" in told:
        bar.update(task, description=str(told["status"]))


def show_end(bar: Progress, task: TaskID, job: Job) -> None:
    """Leave a job's line as the job ended; the last steps come without an event of their own."""
    bar.update(task, description=job.status)
    if job.progress is not None:
        bar.update(task, total=job.progress.total, completed=job.progress.iteration)
