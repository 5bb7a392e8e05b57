"""`nst stylize`: stylize photos on this machine, without a server."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli.errors import CommandError, InputError, one_line
from cli.parameters import (
    ALPHA,
    DEVICE,
    MASKS,
    OVERWRITE,
    PARAMETERS,
    QUIET,
    STYLE_MASKS,
    STYLES,
    as_input_error,
    build_config,
    check_alpha,
)
from cli.stylizer import Stylizer

if TYPE_CHECKING:
    from cli.output.writer import OutputWriter


def stylize(
    context: typer.Context,
    content: str = typer.Argument(..., metavar="CONTENT", help="A photo, a folder of photos, or a quoted pattern."),
    styles: list[str] = STYLES,
    output: Path | None = typer.Option(
        None,
        "--output",
        "-o",
        help="Write the result to this file (.png, .jpg, .webp or .tif), or to PHOTO-STYLE.png in this folder. "
        "Default: the current folder.",
    ),
    overwrite: bool = OVERWRITE,
    mask: list[Path] = MASKS,
    style_mask: list[Path] = STYLE_MASKS,
    init_image: Path | None = typer.Option(None, help="Start from this image; implies `--init image`."),
    alpha: str = ALPHA,
    device: str = DEVICE,
    quality: int | None = typer.Option(None, min=1, max=100, help="Quality of a JPEG or WebP result."),
    preview_every: int | None = typer.Option(None, min=1, metavar="N", help="Also write the image every N iterations."),
    timelapse: bool = typer.Option(False, "--timelapse", help="Also write the run as an animated WebP."),
    as_json: bool = typer.Option(False, "--json", help="Print one line of JSON per result."),
    quiet: bool = QUIET,
) -> None:
    """Stylize photos on this machine, without a server.

    Each parameter below defaults to its value in the preset. The result file records all of them.

    \b
    $ nst stylize photo.jpg waves
    $ nst stylize photo.jpg painting.jpg --max-size 1024 -o result.jpg
    $ nst stylize "photos/*.jpg" waves mosaic --style-blend 3,1 -o results
    """
    from cli.inputs import find_photos, read_image, read_mask_image, read_style
    from cli.output.files import output_paths
    from cli.output.writer import OutputWriter
    from cli.settings import load_settings
    from jobs.settings import JobSettings

    implied = {"init": "image"} if init_image else {}
    config = build_config(implied | context.meta[PARAMETERS])
    photos = find_photos(content)
    for option, given in (("--mask", mask), ("--style-mask", style_mask)):
        if len(given) not in (0, len(styles)):
            raise InputError(f"{option}: give no mask, or one for each of the {len(styles)} styles")
    many = photos != [Path(content)]
    writers = [
        OutputWriter(
            path=path,
            parameters=config.model_dump(mode="json"),
            mark=load_settings(JobSettings).mark_results,
            quality=quality,
            preview_every=preview_every,
            timelapse=timelapse,
            overwrite=overwrite,
            alpha_mode=check_alpha(alpha),
        )
        for path in output_paths(output, photos, styles, many=many, overwrite=overwrite)
    ]
    pending = [pair for pair in zip(photos, writers, strict=True) if overwrite or not (many and pair[1].path.exists())]
    if len(pending) < len(photos):
        skipped = len(photos) - len(pending)
        typer.echo(f"skipped {skipped} of {len(photos)} photos, which have a result; --overwrite replaces it", err=True)
    for _, writer in pending:
        writer.check()
    stylizer = Stylizer(
        config=config,
        styles=[read_style(style, config.max_size) for style in styles],
        masks=[read_mask_image(path) for path in mask],
        style_masks=[read_mask_image(path) for path in style_mask],
        init_image=read_image(init_image) if init_image else None,
        device=device,
    )
    failed = 0
    for photo, writer in pending:
        try:
            report = stylize_photo(stylizer, photo, writer, quiet=quiet)
        except CommandError as error:
            if not many:
                raise
            failed += 1
            typer.echo(f"nst: {one_line(error)}", err=True)
            continue
        if as_json:
            typer.echo(json.dumps(report))
        elif not quiet:
            typer.echo("{output}: {width} x {height} pixels, {seconds:.1f} s".format(**report), err=True)
    if failed:
        raise CommandError(f"{failed} of {len(pending)} photos failed", exit_code=2)


def stylize_photo(stylizer: Stylizer, photo: Path, writer: OutputWriter, *, quiet: bool) -> dict[str, Any]:
    """Stylize one photo, write its files and return the report; raises CommandError."""
    from cli.inputs import read_photo
    from nst_engine import ConfigError

    started = time.monotonic()
    writer.check()  # again, because the photos before it may have filled the disk
    try:
        picture, writer.alpha = read_photo(photo, writer.alpha_mode, keep=writer.keeps_alpha)
        last = stylizer.run(picture, quiet=quiet, on_step=writer.on_step)
    except ConfigError as error:
        raise as_input_error(error) from None
    writer.write_result(last)
    seconds = round(time.monotonic() - started, 2)
    timelapse = writer.write_timelapse()
    return {
        "output": str(writer.path),
        "timelapse": str(timelapse) if timelapse else None,
        "width": last.width,
        "height": last.height,
        "iterations": last.iteration,
        "loss": last.loss,
        "seconds": seconds,
        "parameters": writer.parameters,
    }
