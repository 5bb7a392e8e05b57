"""`nst stylize`: one picture, here, without a server."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli.errors import InputError
from cli.parameters import GIVEN, configured, refusal

if TYPE_CHECKING:
    from PIL.Image import Image

    from nst_engine import Step
    from nst_engine.config import StyleConfig


def stylize(
    context: typer.Context,
    content: Path = typer.Argument(..., metavar="CONTENT", help="The photo."),
    styles: list[str] = typer.Argument(..., metavar="STYLE...", help="Paintings, or names of built-in styles."),
    output: Path = typer.Option(..., "--output", "-o", help="Where to write: .png, .jpg, .webp or .tif."),
    mask: list[Path] = typer.Option([], help="Where each style applies (white), one per style, in their order."),
    init_image: Path | None = typer.Option(None, help="Picture to start from, for --init image."),
    device: str = typer.Option("auto", help="auto, cpu, cuda, cuda:1 or mps."),
    quality: int | None = typer.Option(None, min=1, max=100, help="Quality of JPEG and WebP."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress bar."),
) -> None:
    """Paint CONTENT in the manner of STYLE, here, without a server.

    Every parameter that is not given has the value that the preset gives it.
    """
    from nst_engine.errors import ConfigError

    config = configured(context.meta[GIVEN])
    kind = written_as(output)
    pictures = [read(content), *(read_style(style, config.max_size) for style in styles)]
    if len(mask) not in (0, len(styles)):
        raise InputError(f"--mask: give none, or one for each of the {len(styles)} styles")
    started = time.monotonic()
    try:
        last = watched(run(pictures, [read(path) for path in mask], init_image, config, device), quiet=quiet)
    except ConfigError as error:
        raise refusal(error) from None
    write(last, output, kind, quality=quality, config=config)
    if not quiet:
        typer.echo(f"{output}: {last.width} x {last.height} pixels, {time.monotonic() - started:.1f} s", err=True)


def run(
    pictures: Sequence[Image], masks: Sequence[Image], init_image: Path | None, config: StyleConfig, device: str
) -> Iterator[Step]:
    """Start the engine on pictures, the content first."""
    from cli.devices import chosen
    from cli.weights import folder
    from nst_engine import load_network
    from nst_engine import stylize as engine
    from nst_engine.images import to_tensor

    where = chosen(device)
    network = load_network(config, device=where, weights_dir=folder())
    return engine(
        to_tensor(pictures[0]),
        [to_tensor(picture) for picture in pictures[1:]],
        config,
        masks=[to_tensor(mask).mean(0) for mask in masks] or None,
        init_image=to_tensor(read(init_image)) if init_image else None,
        device=where,
        network=network,
    )


def watched(steps: Iterator[Step], *, quiet: bool) -> Step:
    """Run to the end behind a progress bar and return the last step."""
    from cli.terminal import progress_bar

    last = None
    with progress_bar(quiet=quiet) as bar:
        task = bar.add_task("painting", total=None, loss="-", note="")
        for last in steps:
            note = f"{last.width} x {last.height}"
            bar.update(task, total=last.total, completed=last.iteration, loss=f"{last.loss:.4g}", note=note)
    if last is None:
        raise InputError("--steps: nothing to do")
    return last


def written_as(output: Path) -> str:
    """Return the format that a file's name asks for; raises InputError before any work is done."""
    from nst_engine.pictures import WRITABLE

    suffixes = {".jpeg": "jpeg", ".tiff": "tiff"} | {form.suffix: name for name, form in WRITABLE.items()}
    kind = suffixes.get(output.suffix.lower())
    if kind is None:
        raise InputError(f"--output: {output.name} has none of the endings {', '.join(sorted(suffixes))}")
    if not output.parent.is_dir():
        raise InputError(f"--output: there is no folder {output.parent}")
    return kind


def read(path: Path) -> Image:
    """Read a picture; raises InputError naming the file."""
    from nst_engine.errors import PictureError
    from nst_engine.pictures import read_picture

    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        return read_picture(path)
    except PictureError as error:
        raise InputError(f"{path}: {error.message}") from None


def read_style(style: str, size: int) -> Image:
    """Read a style's file, or paint the built-in style of that name."""
    from nst_engine.paintings import LARGEST, STYLES, paint

    if style in STYLES and not Path(style).exists():
        return paint(style, min(size, LARGEST))
    if not Path(style).is_file():
        raise InputError(f"{style}: no such file, and no built-in style of that name (see `nst styles`)")
    return read(Path(style))


def write(step: Step, output: Path, kind: str, *, quality: int | None, config: StyleConfig) -> None:
    """Write the picture with its parameters in the file; an error leaves no half file behind."""
    from nst_engine.images import to_picture
    from nst_engine.pictures import encode

    parameters: dict[str, Any] = config.model_dump(mode="json")
    data = encode(to_picture(step.image()), kind, quality=quality, metadata=parameters)
    unfinished = output.with_name(f".{output.name}.part")
    try:
        unfinished.write_bytes(data)
        unfinished.replace(output)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise InputError(f"{output}: {error.strerror}") from None
