"""`nst demo`: the whole service on free ports paints one real photo, over HTTP, and ends."""

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
from cli.errors import CommandError

if TYPE_CHECKING:
    from PIL.Image import Image

PHOTO = "chelsea"  # a cat, from skimage.data


def demo(
    output: Path = typer.Option(Path("out"), "--output", "-o", help="Folder for demo.png and demo-compare.png."),
    style: str = typer.Option(
        "flow-strokes", help="Built-in style, as `nst styles` names it.", autocompletion=completion.styles
    ),
    max_size: int = typer.Option(384, min=64, max=2048, help="Longest side of the picture in pixels."),
    steps: int = typer.Option(150, min=1, max=5000, help="Iterations."),
) -> None:
    """Start the service, paint a photo over HTTP, and leave demo.png and demo-compare.png."""
    from cli.inputs import read_style

    painting = read_style(style, max_size)
    asyncio.run(show(output, painting, {"max_size": max_size, "steps": steps}))


async def show(output: Path, painting: Image, parameters: dict[str, Any]) -> None:
    """Run a stack of its own for one job, and say what came of it."""
    from cli.local_service.stack import Stack, StackSettings, free_port, running
    from cli.local_service.supervisor import log_to

    output.mkdir(parents=True, exist_ok=True)
    log = output / "demo.log"
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    with tempfile.TemporaryDirectory(prefix="nst-") as folder:  # short: a socket's path must be
        settings = StackSettings(data_dir=Path(folder), port=free_port(), environment=os.environ, restart_limit=3)
        typer.echo(f"starting Redis, API and worker on {settings.url} (log: {log})", err=True)
        started = time.monotonic()
        async with running(Stack(settings, log_to(log)), stopped) as stack:
            painted = asyncio.create_task(paint(settings.url, output, painting, parameters))
            watched = asyncio.create_task(stack.watch())
            await asyncio.wait([painted, watched], return_when=asyncio.FIRST_COMPLETED)
            painted.cancel() if watched.done() else watched.cancel()
            if watched.done() and not watched.cancelled():
                watched.result()
                raise typer.Exit(130)
            await painted
    typer.echo(f"{output / 'demo.png'} and {output / 'demo-compare.png'}: {time.monotonic() - started:.0f} s in all")


async def paint(url: str, output: Path, painting: Image, parameters: dict[str, Any]) -> None:
    """Send one job, follow it, and write its pictures."""
    from cli.terminal import progress_bar, show_end, show_event
    from nst_client import AsyncClient, ClientError, JobEndedError

    photo = photograph()
    try:
        async with AsyncClient(url) as client:
            job = await client.submit(_png(photo), _png(painting), **parameters)
            with progress_bar() as bar:
                task = bar.add_task(job.status, total=None, loss="-", note="")
                async for event in client.events(job.id):
                    show_event(bar, task, event)
                job = await client.get(job.id)
                show_end(bar, task, job)
            if job.status != "succeeded":
                raise JobEndedError(job)
            data = await client.result(job.id)
    except ClientError as error:
        raise CommandError(str(error)) from None
    (output / "demo.png").write_bytes(data)
    compare(photo, painting, data).save(output / "demo-compare.png")


def photograph() -> Image:
    """Return the demo's photo; raises CommandError where the extra that carries it is not installed."""
    from PIL import Image

    try:
        from skimage import data
    except ModuleNotFoundError:
        raise CommandError("the demo's photo comes with the extra `embedded`: install nst[embedded]") from None
    return Image.fromarray(getattr(data, PHOTO)())


def compare(photo: Image, painting: Image, result: bytes) -> Image:
    """Put photo, painting and result side by side."""
    from PIL import Image, ImageOps

    picture = Image.open(io.BytesIO(result)).convert("RGB")
    width, height = picture.size
    sheet = Image.new("RGB", (width * 2 + height + 20, height), "white")
    sheet.paste(photo.resize((width, height), Image.Resampling.LANCZOS), (0, 0))
    sheet.paste(ImageOps.fit(painting, (height, height)), (width + 10, 0))
    sheet.paste(picture, (width + height + 20, 0))
    return sheet


def _png(picture: Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
