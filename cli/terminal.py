"""What a terminal shows: tables, and a bar with loss and time left."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

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
