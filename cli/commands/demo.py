"""`nst demo`: start the whole service on a free port, stylize one photo over HTTP, and stop it."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli import completion
from cli.errors import CommandError, InputError, install, path_problem

if TYPE_CHECKING:
    from PIL.Image import Image

RESULT, COMPARISON = "demo.png", "demo-compare.png"
PHOTO = "chelsea"  # a cat, from skimage.data


def demo(
    output: Path = typer.Option(Path("out"), "--output", "-o", help="Write the images to this folder."),
    style: str = typer.Option(
        "flow-strokes",
        metavar="NAME",
        help="Style image: a file, or the name of a built-in style.",
        autocompletion=completion.styles,
    ),
    max_size: int = typer.Option(384, min=64, max=2048, help="Longest side of the result in pixels."),
    steps: int = typer.Option(150, min=1, max=5000, help="Number of iterations."),
) -> None:
    """Start the service, stylize a photo of a cat over HTTP, and stop the service.

    Writes demo.png, the result, and demo-compare.png, which shows photo, style and result side by side.
    """
    from cli.inputs import read_style
    from cli.output.files import check_output

    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--output: {path_problem(output, error)}") from None
    for file in (output / RESULT, output / COMPARISON):
        if file.exists():
            typer.echo(f"{file} already exists and will be replaced", err=True)
        check_output(file, overwrite=True)
    asyncio.run(run_demo(output, read_style(style, max_size), {"max_size": max_size, "steps": steps}))


async def run_demo(output: Path, style: Image, parameters: dict[str, Any]) -> None:
    """Run a private service for one job and print where its images are."""
    from cli.local_service.stack import Stack, StackSettings, free_port, running
    from cli.local_service.supervisor import file_log

    log = output / "demo.log"
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    with tempfile.TemporaryDirectory(prefix="nst-") as folder:  # short: a socket's path must be
        settings = StackSettings(data_dir=Path(folder), port=free_port(), environment=os.environ, restart_limit=3)
        typer.echo(f"starting Redis, API and worker on {settings.url} (log: {log})", err=True)
        started = time.monotonic()
        async with running(Stack(settings, file_log(log)), stopped) as stack:
            job = asyncio.create_task(stylize_over_http(settings.url, output, style, parameters))
            watch = asyncio.create_task(stack.watch())
            await asyncio.wait([job, watch], return_when=asyncio.FIRST_COMPLETED)
            job.cancel() if watch.done() else watch.cancel()
            if watch.done() and not watch.cancelled():
                watch.result()
                raise typer.Exit(130)
            await job
    typer.echo(f"{output / RESULT} and {output / COMPARISON}: {time.monotonic() - started:.0f} s in total")


async def stylize_over_http(url: str, output: Path, style: Image, parameters: dict[str, Any]) -> None:
    """Submit one job, follow it and write its images; raises CommandError if there is no result."""
    from cli.output.files import write_file
    from cli.terminal import progress_display, show_event, show_job
    from nst_client import AsyncClient, ClientError, JobEndedError

    photo = load_photo()
    try:
        async with AsyncClient(url) as client:
            job = await client.submit(_png(photo), _png(style), **parameters)
            with progress_display() as show:
                show_job(show, job)
                async for event in client.events(job.id):
                    show_event(show, event)
                job = await client.get(job.id)
                show_job(show, job)
            if job.status != "succeeded":
                raise JobEndedError(job)
            data = await client.result(job.id)
    except ClientError as error:
        raise CommandError(str(error)) from None
    write_file(output / RESULT, data)
    write_file(output / COMPARISON, _png(side_by_side(photo, style, data)))


def load_photo() -> Image:
    """Return the demo's photo; raises CommandError if scikit-image, which contains it, is not installed."""
    from PIL import Image

    try:
        from skimage import data
    except ModuleNotFoundError:
        raise CommandError(f"the demo's photo is part of scikit-image: {install('embedded')}") from None
    return Image.fromarray(getattr(data, PHOTO)())


def side_by_side(photo: Image, style: Image, result: bytes) -> Image:
    """Put photo, style and result next to each other."""
    from PIL import Image, ImageOps

    picture = Image.open(io.BytesIO(result)).convert("RGB")
    width, height = picture.size
    sheet = Image.new("RGB", (width * 2 + height + 20, height), "white")
    sheet.paste(photo.resize((width, height), Image.Resampling.LANCZOS), (0, 0))
    sheet.paste(ImageOps.fit(style, (height, height)), (width + 10, 0))
    sheet.paste(picture, (width + height + 20, 0))
    return sheet


def _png(picture: Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
