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
    END,
    FPS,
    MASKS,
    OVERWRITE,
    PARAMETERS,
    QUIET,
    START,
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
    content: str = typer.Argument(
        ..., metavar="CONTENT", help="A photo, a folder of photos, a quoted pattern, or a film."
    ),
    styles: list[str] = STYLES,
    output: Path | None = typer.Option(
        None,
        "--output",
        "-o",
        help="Write the result to this file (.png, .jpg, .webp or .tif; a film: .mp4, .webm, .gif or .webp), or to "
        "PHOTO-STYLE.png (a film: .mp4) in this folder. Default: the current folder.",
    ),
    overwrite: bool = OVERWRITE,
    mask: list[Path] = MASKS,
    style_mask: list[Path] = STYLE_MASKS,
    init_image: Path | None = typer.Option(None, help="Start from this image; implies `--init image`."),
    alpha: str = ALPHA,
    device: str = DEVICE,
    quality: int | None = typer.Option(None, min=1, max=100, help="Quality of a JPEG, WebP, MP4 or WebM result."),
    preview_every: int | None = typer.Option(None, min=1, metavar="N", help="Also write the image every N iterations."),
    timelapse: bool = typer.Option(False, "--timelapse", help="Also write the run as an animated WebP."),
    fps: float | None = FPS,
    start: float | None = START,
    end: float | None = END,
    as_json: bool = typer.Option(False, "--json", help="Print one line of JSON per result."),
    quiet: bool = QUIET,
) -> None:
    """Stylize photos, or a film, on this machine, without a server.

    Each parameter below defaults to its value in the preset. The result file records all of them.

    \b
    $ nst stylize photo.jpg waves
    $ nst stylize photo.jpg painting.jpg --max-size 1024 -o result.jpg
    $ nst stylize "photos/*.jpg" waves mosaic --style-blend 3,1 -o results
    $ nst stylize clip.mp4 waves --max-size 384 --fps 12 --from 2 --to 7
    """
    from cli.film import FilmJob, film_options, film_path, is_film_file
    from cli.inputs import find_photos, read_mask_image, read_photo, read_style
    from cli.output.files import output_paths
    from cli.output.writer import OutputWriter
    from cli.settings import load_settings
    from jobs.settings import JobSettings
    from nst_engine.images.alpha import KEEP

    implied = {"init": "image"} if init_image else {}
    config = build_config(implied | context.meta[PARAMETERS])
    photos = find_photos(content)
    for option, given in (("--mask", mask), ("--style-mask", style_mask)):
        if len(given) not in (0, len(styles)):
            raise InputError(f"{option}: give no mask, or one for each of the {len(styles)} styles")
    many = photos != [Path(content)]
    mark = load_settings(JobSettings).mark_results

    def stylizer_of_options(*, keeps_alpha: bool = False) -> Stylizer:
        return Stylizer(
            config=config,
            styles=[read_style(style, config.max_size) for style in styles],
            masks=[read_mask_image(path) for path in mask],
            style_masks=[read_mask_image(path) for path in style_mask],
            init_image=read_photo(init_image, alpha, keep=keeps_alpha)[0] if init_image else None,
            device=device,
        )

    inputs = [*photos, *map(Path, styles), *mask, *style_mask, *([init_image] if init_image else [])]
    part = {"fps": fps, "from": start, "to": end}
    if not many and is_film_file(photos[0]):
        if preview_every or timelapse:
            raise InputError("--preview-every and --timelapse are for photos, and this is a film")
        if check_alpha(alpha) != KEEP:
            raise InputError("--alpha is for photos: a film has no transparency, its frames are put on white")
        job = FilmJob(
            source=photos[0],
            inputs=inputs,
            output=film_path(output, photos[0], styles),
            options=film_options(part),
            quality=quality,
            mark=mark,
            overwrite=overwrite,
        )
        job.check()
        _print_report(job.run(stylizer_of_options(), quiet=quiet), as_json=as_json, quiet=quiet)
        return
    if given_part := [f"--{name}" for name, value in part.items() if value is not None]:
        raise InputError(f"{', '.join(given_part)}: for films only, and {content} is not a film")
    writers = [
        OutputWriter(
            path=path,
            parameters=config.model_dump(mode="json"),
            mark=mark,
            quality=quality,
            preview_every=preview_every,
            timelapse=timelapse,
            overwrite=overwrite,
            inputs=inputs,
            alpha_mode=check_alpha(alpha),
        )
        for path in output_paths(output, photos, styles, many=many)
    ]
    pending = [pair for pair in zip(photos, writers, strict=True) if overwrite or not (many and pair[1].path.exists())]
    if len(pending) < len(photos):
        skipped = len(photos) - len(pending)
        typer.echo(f"skipped {skipped} of {len(photos)} photos, which have a result; --overwrite replaces it", err=True)
    for _, writer in pending:
        writer.check()
    stylizer = stylizer_of_options(keeps_alpha=writers[0].keeps_alpha)  # the photos of a folder get one format
    failed = 0
    if many and pending:
        stylizer.load()  # what is wrong with device or weights is reported once, not for each photo
    for photo, writer in pending:
        try:
            if many and is_film_file(photo):
                raise InputError(f"{photo}: films are painted one at a time; name this one alone")
            report = stylize_photo(stylizer, photo, writer, quiet=quiet)
        except CommandError as error:
            if not many:
                raise
            failed += 1
            typer.echo(f"nst: {one_line(error)}", err=True)
            continue
        _print_report(report, as_json=as_json, quiet=quiet)
    if failed:
        raise CommandError(f"{failed} of {len(pending)} photos failed", exit_code=2)


def _print_report(report: dict[str, Any], *, as_json: bool, quiet: bool) -> None:
    if as_json:
        typer.echo(json.dumps(report))
    elif not quiet:
        frames = f"{report['frames']} frames of " if "frames" in report else ""
        size = "{width} x {height} pixels, {seconds:.1f} s".format(**report)
        typer.echo(f"{report['output']}: {frames}{size}", err=True)


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
