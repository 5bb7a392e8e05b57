"""`nst stylize`: pictures here, without a server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli import completion
from cli.errors import CommandError, InputError, one_line
from cli.parameters import GIVEN, configured, refusal

if TYPE_CHECKING:
    from PIL.Image import Image

    from cli.outputs import OutputWriter
    from nst_engine import Network, Step
    from nst_engine.spec.config import StyleConfig


def stylize(
    context: typer.Context,
    content: str = typer.Argument(..., metavar="CONTENT", help="The photo; or a folder or a quoted pattern of photos."),
    styles: list[str] = typer.Argument(
        ..., metavar="STYLE...", help="Paintings, or names of built-in styles.", autocompletion=completion.styles
    ),
    output: Path | None = typer.Option(
        None, "--output", "-o", help="Where to write: a file (.png, .jpg, .webp, .tif) or a folder [CONTENT-STYLE.png]."
    ),
    overwrite: bool = typer.Option(False, "--overwrite", help="Of many photos, paint again those that are there."),
    mask: list[Path] = typer.Option([], help="Where each style applies (white), one per style, in their order."),
    init_image: Path | None = typer.Option(None, help="Picture to start from, for --init image."),
    device: str = typer.Option("auto", help="auto, cpu, cuda, cuda:1 or mps."),
    quality: int | None = typer.Option(None, min=1, max=100, help="Quality of JPEG and WebP."),
    preview_every: int | None = typer.Option(None, min=1, metavar="N", help="Also write the picture every N steps."),
    timelapse: bool = typer.Option(False, "--timelapse", help="Also write an animated WebP of the run."),
    as_json: bool = typer.Option(False, "--json", help="Print a line of JSON for each picture."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress bar."),
) -> None:
    """Paint CONTENT in the manner of STYLE, here, without a server.

    Every parameter that is not given has the value that the preset gives it.
    """
    from cli.inputs import contents, read, read_style
    from cli.outputs import OutputWriter, targets

    config = configured(context.meta[GIVEN])
    photos = contents(content)
    if len(mask) not in (0, len(styles)):
        raise InputError(f"--mask: give none, or one for each of the {len(styles)} styles")
    many = photos != [Path(content)]
    outputs = targets(output, photos, styles, many=many)
    easel = Stylizer(
        config=config,
        styles=[read_style(style, config.max_size) for style in styles],
        masks=[read(path) for path in mask],
        init_image=read(init_image) if init_image else None,
        device=device,
    )
    jobs = [pair for pair in zip(photos, outputs, strict=True) if overwrite or not (many and pair[1].exists())]
    failed = 0
    for photo, target in jobs:
        album = OutputWriter(output=target, every=preview_every, timelapse=timelapse)
        try:
            paint(easel, photo, album, quality=quality, as_json=as_json, quiet=quiet)
        except InputError as error:
            if not many:
                raise
            failed += 1
            typer.echo(f"nst: {one_line(error)}", err=True)
    if failed:
        raise CommandError(f"{failed} of {len(jobs)} pictures could not be painted", exit_code=2)


@dataclass(kw_only=True)
class Stylizer:
    """Everything but the photo; the network is loaded once, when it is first needed."""

    config: StyleConfig
    styles: Sequence[Image]
    masks: Sequence[Image]
    init_image: Image | None
    device: str
    network: Network | None = None

    def steps(self, photo: Image) -> Iterator[Step]:
        """Start the engine on a photo."""
        from cli.commands.weights import folder
        from nst_engine import load_network
        from nst_engine import stylize as engine
        from nst_engine.tensors import to_tensor

        where = _device(self.device)
        self.network = self.network or load_network(self.config, device=where, weights_dir=folder())
        return engine(
            to_tensor(photo),
            [to_tensor(style) for style in self.styles],
            self.config,
            masks=[to_tensor(mask).mean(0) for mask in self.masks] or None,
            init_image=to_tensor(self.init_image) if self.init_image else None,
            device=where,
            network=self.network,
        )


def _device(name: str) -> str:
    """Return the fastest device that `--device` selects; raises InputError."""
    from nst_engine.machine.devices import list_devices, select_devices
    from nst_engine.spec.errors import DeviceError

    try:
        return select_devices(name, list_devices())[0].name
    except DeviceError as error:
        raise InputError(f"--device: {error.message}") from None


def paint(
    easel: Stylizer, photo: Path, album: OutputWriter, *, quality: int | None, as_json: bool, quiet: bool
) -> None:
    """Paint one photo, write it, and say so; raises InputError naming the option that is wrong."""
    from cli.inputs import read
    from cli.outputs import write
    from nst_engine.spec.errors import ConfigError

    started = time.monotonic()
    try:
        last = watched(easel.steps(read(photo)), quiet=quiet, see=album.see)
    except ConfigError as error:
        raise refusal(error) from None
    parameters = easel.config.model_dump(mode="json")
    write(last, album.output, quality=quality, parameters=parameters)
    seconds, lapse = time.monotonic() - started, album.close()
    told = {
        "output": str(album.output),
        "timelapse": str(lapse) if lapse else None,
        "width": last.width,
        "height": last.height,
        "iterations": last.iteration,
        "loss": last.loss,
        "seconds": round(seconds, 2),
        "parameters": parameters,
    }
    if as_json:
        typer.echo(json.dumps(told))
    elif not quiet:
        typer.echo(f"{album.output}: {last.width} x {last.height} pixels, {seconds:.1f} s", err=True)


def run(
    pictures: Sequence[Image], masks: Sequence[Image], init_image: Image | None, config: StyleConfig, device: str
) -> Iterator[Step]:
    """Start the engine on pictures, the content first."""
    easel = Stylizer(config=config, styles=pictures[1:], masks=masks, init_image=init_image, device=device)
    return easel.steps(pictures[0])


def watched(steps: Iterator[Step], *, quiet: bool, see: Callable[[Step], None] = lambda _: None) -> Step:
    """Run to the end behind a progress bar and return the last step."""
    from cli.terminal import progress_bar

    last = None
    with progress_bar(quiet=quiet) as bar:
        task = bar.add_task("painting", total=None, loss="-", note="")
        for last in steps:
            note = f"{last.width} x {last.height}"
            bar.update(task, total=last.total, completed=last.iteration, loss=f"{last.loss:.4g}", note=note)
            see(last)
    if last is None:
        raise InputError("--steps: nothing to do")
    return last
