"""`nst sweep`: results for several values of one or two parameters, on one labeled sheet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.errors import InputError
from cli.parameters import DEVICE, MASKS, OVERWRITE, PARAMETERS, QUIET, STYLE_MASKS, STYLES, build_config
from cli.stylizer import Stylizer, check_size

if TYPE_CHECKING:
    from PIL.Image import Image

    from nst_engine import StyleConfig

LARGEST_SIDE = {"webp": 16_383, "jpeg": 65_500}  # in pixels, of a file of the format
Cell = dict[str, str]  # the parameters that a row or a column sets


def sweep(
    context: typer.Context,
    content: Path = typer.Argument(..., metavar="CONTENT", help="The photo."),
    styles: list[str] = STYLES,
    over: list[str] = typer.Option(
        ...,
        metavar="NAME=VALUE,…",
        help="A parameter and its values. Separate values that contain commas with `;`. "
        "Repeat the option for a table: the first parameter varies by row, the second by column.",
    ),
    mask: list[Path] = MASKS,
    style_mask: list[Path] = STYLE_MASKS,
    output: Path = typer.Option(..., "--output", "-o", help="Write the sheet to this file: .png, .jpg, .webp or .tif."),
    overwrite: bool = OVERWRITE,
    device: str = DEVICE,
    quality: int = typer.Option(85, min=1, max=100, help="Quality of a JPEG or WebP sheet."),
    quiet: bool = QUIET,
) -> None:
    """Stylize a photo with several values of a parameter and write one labeled sheet.

    Every combination is checked before the first one runs.

    \b
    $ nst sweep photo.jpg waves --over strength=0.2,0.5,0.8 -o strengths.png
    $ nst sweep photo.jpg waves --over strength=0.2,0.8 --over seed=1,2,3 -o table.png
    """
    from cli.inputs import read_image, read_mask_image, read_style
    from cli.output.contact_sheet import sheet
    from cli.output.files import check_output, image_format, write_file
    from cli.settings import load_settings
    from jobs.settings import JobSettings
    from nst_engine.images.writing import encode
    from nst_engine.tensors import to_picture

    rows, columns = axes(over)
    name = image_format(output)
    check_output(output, overwrite=overwrite, inputs=[content, *map(Path, styles), *mask, *style_mask])
    given = context.meta[PARAMETERS]
    for parameter in given.keys() & (rows[0] | columns[0]).keys():
        raise InputError(f"--over: {parameter} is also given by its own option; leave one of them out")
    configs = [[build_config(given | row | column) for column in columns] for row in rows]
    size = max(config.max_size for line in configs for config in line)
    photo, style_images = read_image(content), [read_style(style, size) for style in styles]
    check_side(name, photo.size, size, columns=len(columns), rows=len(rows))
    for config in [config for line in configs for config in line]:
        check_size(photo, config)
    masks, style_masks = ([read_mask_image(path) for path in paths] for paths in (mask, style_mask))

    def result(config: StyleConfig) -> Image:
        stylizer = Stylizer(config=config, styles=style_images, masks=masks, style_masks=style_masks, device=device)
        return to_picture(stylizer.run(photo, quiet=quiet).image())

    results = [[result(config) for config in line] for line in configs]
    page = sheet(results, columns=[label(column) for column in columns], rows=[label(row) for row in rows])
    data = encode(
        page,
        name,
        quality=quality if name in ("jpeg", "webp") else None,
        mark=load_settings(JobSettings).mark_results,
    )
    write_file(output, data, overwrite=overwrite)
    typer.echo(f"{output}: {len(rows) * len(columns)} images", err=True)


def axes(over: list[str]) -> tuple[list[Cell], list[Cell]]:
    """Return what each row and each column sets; raises InputError if an option cannot be parsed."""
    if len(over) > 2:
        raise InputError("--over: give it once for a strip, or twice for a table")
    *row_axis, column_axis = [parse_axis(text) for text in over]
    if row_axis and row_axis[0][0].keys() == column_axis[0].keys():
        raise InputError(f"--over: {next(iter(column_axis[0]))} is given twice; name another parameter")
    return row_axis[0] if row_axis else [{}], column_axis


def parse_axis(text: str) -> list[Cell]:
    """Parse `name=value,value` or, for values that contain commas, `name=value;value`."""
    name, _, values = text.partition("=")
    found = [value.strip() for value in values.split(";" if ";" in values else ",")]
    if not name or not all(found):
        raise InputError(f"--over: {text!r} is not of the form name=value,value")
    return [{name.strip().replace("-", "_"): value} for value in found]


def check_side(name: str, photo: tuple[int, int], size: int, *, columns: int, rows: int) -> None:
    """Raise InputError if the images alone make a sheet that is too large for its format."""
    scale = min(1.0, size / max(photo))
    side = max(columns * photo[0] * scale, rows * photo[1] * scale)
    if name in LARGEST_SIDE and side > LARGEST_SIDE[name]:
        raise InputError(
            f"--output: the sheet would be {side:.0f} pixels long, a {name} file has at most {LARGEST_SIDE[name]}; "
            "write a .png file, or choose a smaller --max-size"
        )


def label(cell: Cell) -> str:
    """Return the label of a row or a column."""
    return ", ".join(f"{name} {value}" for name, value in cell.items())
