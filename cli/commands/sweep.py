"""`nst sweep`: one labelled sheet of pictures over the values of one or two parameters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli import completion
from cli.commands.stylize import run, watched
from cli.errors import InputError
from cli.inputs import read, read_style
from cli.outputs import written_as
from cli.parameters import GIVEN, configured

if TYPE_CHECKING:
    from PIL.Image import Image

    from nst_engine.spec.config import StyleConfig

Axis = tuple[str, list[str]]


def sweep(
    context: typer.Context,
    content: Path = typer.Argument(..., metavar="CONTENT", help="The photo."),
    styles: list[str] = typer.Argument(
        ..., metavar="STYLE...", help="Paintings, or names of built-in styles.", autocompletion=completion.styles
    ),
    over: list[str] = typer.Option(
        ...,
        help="Parameter and values, `style_weight=1,10,100`; values that hold commas are parted by `;`. "
        "Given twice: the first makes the rows, the second the columns.",
    ),
    mask: list[Path] = typer.Option([], help="Where each style applies (white), one per style, in their order."),
    output: Path = typer.Option(..., "--output", "-o", help="Where to write the sheet: .png, .jpg, .webp or .tif."),
    device: str = typer.Option("auto", help="auto, cpu, cuda, cuda:1 or mps."),
    quality: int = typer.Option(85, min=1, max=100, help="Quality of JPEG and WebP."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress bar."),
) -> None:
    """Paint the same pictures with every value of a parameter, and lay the results out on one labelled sheet.

    All combinations are checked before the first is painted.
    """
    rows, columns = axes(over)
    kind = written_as(output)
    given = context.meta[GIVEN]
    table = [[configured(given | dict(row) | dict(column)) for column in columns] for row in rows]
    size = max(config.max_size for line in table for config in line)
    pictures = [read(content), *(read_style(style, size) for style in styles)]
    masks = [read(path) for path in mask]
    painted = [[paint(pictures, masks, config, device=device, quiet=quiet) for config in line] for line in table]
    write(painted, rows, columns, output, kind=kind, quality=quality)
    typer.echo(f"{output}: {sum(map(len, painted))} pictures", err=True)


def axes(over: list[str]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return what each row and each column sets; raises InputError where `over` cannot be read."""
    if len(over) > 2:
        raise InputError("--over: give it once for a strip or twice for a table")
    read_axes = [axis(text) for text in over]
    if len(read_axes) == 1:
        read_axes.insert(0, ("", []))
    rows, columns = ([{name: value} for value in values] or [{}] for name, values in read_axes)
    return rows, columns


def axis(text: str) -> Axis:
    """Read `name=value,value` or, for values with commas, `name=value;value`."""
    name, _, values = text.partition("=")
    found = [value.strip() for value in values.split(";" if ";" in values else ",")]
    if not name or not all(found):
        raise InputError(f"--over: {text!r} is not of the form name=value,value")
    return name.strip().replace("-", "_"), found


def paint(pictures: list[Image], masks: list[Image], config: StyleConfig, *, device: str, quiet: bool) -> Image:
    """Paint one cell."""
    from nst_engine.tensors import to_picture

    return to_picture(watched(run(pictures, masks, None, config, device), quiet=quiet).image())


def write(
    painted: list[list[Image]],
    rows: list[dict[str, str]],
    columns: list[dict[str, str]],
    output: Path,
    *,
    kind: str,
    quality: int,
) -> None:
    """Lay the pictures out and write the sheet."""
    from cli.contact_sheet import sheet
    from nst_engine.images.reading import encode

    page = sheet(painted, columns=[label(c) for c in columns], rows=[label(r) for r in rows])
    output.write_bytes(encode(page, kind, quality=quality if kind in ("jpeg", "webp") else None))


def label(cell: dict[str, str]) -> str:
    """Name what a row or a column sets."""
    return ", ".join(f"{name} {value}" for name, value in cell.items())
