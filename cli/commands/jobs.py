"""`nst jobs` and `nst assets`: jobs of a running service, and pictures that it keeps for several of them."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.errors import CommandError, InputError
from cli.parameters import (
    ALPHA,
    END,
    FPS,
    MASKS,
    OVERWRITE,
    PARAMETERS,
    START,
    STYLE_MASKS,
    STYLES,
    ParameterCommand,
)

if TYPE_CHECKING:
    from nst_client import Client, Job

SERVER = typer.Option(None, "--server", help="URL of the service. Default: NST_SERVER, else http://127.0.0.1:8000.")
KEY = typer.Option(None, "--key", help="API key, if the service requires one. Default: NST_API_KEY.")
JOB = typer.Argument(..., metavar="JOB", help="Id of the job.")
FILES = ".png, .jpg, .webp or .tif; a film: .mp4, .webm, .gif or .webp"
AS_JSON = typer.Option(False, "--json", help="Print JSON.")


def commands() -> typer.Typer:
    """Build the group of commands."""
    app = typer.Typer(
        help="Submit jobs to a running service, follow them and download the results.", no_args_is_help=True
    )
    app.command(cls=ParameterCommand)(submit)
    app.command("list")(list_jobs)
    for command in (show, watch, result, cancel, retry):
        app.command()(command)
    return app


def asset_commands() -> typer.Typer:
    """Build the group of commands for assets."""
    app = typer.Typer(help="Upload pictures once and use them in several jobs.", no_args_is_help=True)
    app.command("put")(put_assets)
    app.command("delete")(delete_assets)
    return app


def submit(
    context: typer.Context,
    content: str = typer.Argument(
        ..., metavar="CONTENT", help="The photo or film: a file, or a URL that the service fetches."
    ),
    styles: list[str] = STYLES,
    mask: list[str] = MASKS,
    style_mask: list[str] = STYLE_MASKS,
    init_image: str | None = typer.Option(None, help="Start from this image: a file, or a URL."),
    init_job: str | None = typer.Option(None, metavar="JOB", help="Start from the result of this job of yours."),
    alpha: str = ALPHA,
    result_url: str | None = typer.Option(
        None, metavar="URL", help="URL to which the service sends the result with PUT, such as a presigned one."
    ),
    output: Path | None = typer.Option(
        None, "--output", "-o", help=f"Wait for the job and write the result to this file ({FILES})."
    ),
    fps: float | None = FPS,
    start: float | None = START,
    end: float | None = END,
    quality: int | None = typer.Option(
        None, min=1, max=100, help="Quality of the result of a film, MP4, WebM or WebP."
    ),
    overwrite: bool = OVERWRITE,
    server: str | None = SERVER,
    key: str | None = KEY,
) -> None:
    """Submit a job and print its id. With --output, wait for the result too.

    Each parameter below defaults to its value in the preset.

    \b
    $ nst jobs submit photo.jpg waves --max-size 1024
    $ nst jobs submit photo.jpg painting.jpg -o result.png
    $ nst jobs submit https://example.com/photo.jpg waves ./painting.jpg --style-blend 3,1
    $ nst jobs submit clip.mp4 waves --max-size 384 --fps 12 --from 2 --to 7 -o clip-waves.mp4
    """
    from cli.inputs import picture_to_submit, styles_to_submit
    from cli.output.files import check_output

    film_format = None if output is None else stored_format(content, output)
    if output is not None:
        inputs = [content, *styles, *mask, *style_mask, *([init_image] if init_image else [])]
        check_output(output, overwrite=overwrite, inputs=[Path(name) for name in inputs])
    pictures, masks = styles_to_submit(styles), [picture_to_submit(item) for item in mask]
    with connect(server, key) as client:
        job = client.submit(
            picture_to_submit(content),
            pictures,
            masks=masks,
            style_masks=[picture_to_submit(item) for item in style_mask],
            init_image=None if init_image is None else picture_to_submit(init_image),
            init_job=init_job,
            alpha=alpha,
            result_url=result_url,
            output_format=film_format,
            fps=fps,
            start=start,
            end=end,
            quality=quality,
            **context.meta[PARAMETERS],
        )
        typer.echo(job.id)
        if output is not None:
            cancel_unwritable(client, job, output)
            follow(client, job.id)
            download(client, job.id, output, overwrite=overwrite)


def put_assets(
    pictures: list[str] = typer.Argument(..., metavar="PICTURE...", help="Files, or URLs that the service fetches."),
    server: str | None = SERVER,
    key: str | None = KEY,
) -> None:
    """Upload pictures and print the address of each, which takes the place of a file in `nst jobs submit`.

    \b
    $ photo=$(nst assets put photo.jpg)
    $ nst jobs submit "$photo" waves --max-size 256
    """
    from cli.inputs import picture_to_submit

    with connect(server, key) as client:
        for picture in pictures:
            typer.echo(client.keep(picture_to_submit(picture)))


def delete_assets(
    assets: list[str] = typer.Argument(..., metavar="ASSET...", help="Addresses that `nst assets put` printed."),
    server: str | None = SERVER,
    key: str | None = KEY,
) -> None:
    """Delete uploaded pictures; jobs that used them keep their own copies."""
    with connect(server, key) as client:
        for asset in assets:
            client.discard(asset)


def list_jobs(
    status: str | None = typer.Option(
        None, help="List only jobs that are queued, running, succeeded, failed or canceled."
    ),
    limit: int = typer.Option(20, min=1, help="List at most this many jobs."),
    as_json: bool = AS_JSON,
    server: str | None = SERVER,
    key: str | None = KEY,
) -> None:
    """List your jobs, newest first."""
    from itertools import islice

    from cli.terminal import console, table

    with connect(server, key) as client:
        found = list(islice(client.jobs(status=status, limit=min(limit, 100)), limit))
    if as_json:
        typer.echo(json.dumps([dict(job.raw) for job in found], indent=2))
    else:
        rows = [(job.id, job.status, _progress(job), str(job.raw.get("created_at", ""))) for job in found]
        console().print(table(("JOB", "STATUS", "ITERATION", "CREATED"), rows))


def show(job_id: str = JOB, server: str | None = SERVER, key: str | None = KEY) -> None:
    """Print everything about a job as JSON."""
    with connect(server, key) as client:
        typer.echo(json.dumps(dict(client.get(job_id).raw), indent=2))


def watch(job_id: str = JOB, server: str | None = SERVER, key: str | None = KEY) -> None:
    """Show the progress of a job until it ends. The exit code is 1 if the job did not succeed."""
    with connect(server, key) as client:
        follow(client, job_id)


def result(
    job_id: str = JOB,
    output: Path = typer.Option(..., "--output", "-o", help=f"Write the result to this file ({FILES})."),
    overwrite: bool = OVERWRITE,
    server: str | None = SERVER,
    key: str | None = KEY,
) -> None:
    """Download the result of a job that succeeded."""
    from cli.output.files import check_output, result_format

    result_format(output)
    check_output(output, overwrite=overwrite)
    with connect(server, key) as client:
        download(client, job_id, output, overwrite=overwrite)


def cancel(job_id: str = JOB, server: str | None = SERVER, key: str | None = KEY) -> None:
    """Cancel a job."""
    with connect(server, key) as client:
        job = client.cancel(job_id)
        typer.echo(job.status if job.has_ended else "stopping")


def retry(job_id: str = JOB, server: str | None = SERVER, key: str | None = KEY) -> None:
    """Submit a job that has ended again, with the same images and parameters, and print the new id."""
    with connect(server, key) as client:
        typer.echo(client.retry(job_id).id)


def connect(server: str | None, key: str | None) -> AbstractContextManager[Client]:
    """Connect to the service given by the options, else by the settings."""
    from cli.api_client import api_client

    return api_client(server, key)


def follow(client: Client, job_id: str) -> None:
    """Show a job's progress until it ends; raises CommandError if it did not succeed."""
    from cli.terminal import progress_display, show_event, show_job
    from nst_client import JobEndedError

    job = client.get(job_id)
    if job.waiting_for:
        typer.echo(f"waiting for {job.waiting_for}", err=True)
    with progress_display() as show:
        show_job(show, job)
        for event in client.events(job_id):
            show_event(show, event)
        job = client.get(job_id)
        show_job(show, job)
    if job.status != "succeeded":
        raise CommandError(str(JobEndedError(job)))


def stored_format(content: str, output: Path) -> str | None:
    """Return the format that the service is to store for a file's extension; None for its own choice.

    A picture is converted when it is downloaded, a film is not. Raises InputError if the result cannot be such a file.
    """
    from cli.film import is_film_file
    from cli.inputs import is_url
    from cli.output.files import FILM_FORMATS, film_format, image_format, result_format

    if is_url(content):  # only the service knows whether it leads to a film
        name = result_format(output)
        return name if name in FILM_FORMATS.values() else None
    if is_film_file(Path(content)):
        return film_format(output)
    image_format(output)
    return None


def cancel_unwritable(client: Client, job: Job, output: Path) -> None:
    """Cancel the job of a film that the file cannot take, because films are not converted; raises InputError.

    Only the service knows whether a URL leads to a film.
    """
    from cli.output.files import FILM_FORMATS, result_format

    if job.raw.get("film") and job.raw.get("output_format") != result_format(output):
        client.cancel(job.id)
        formats = ", ".join(FILM_FORMATS)
        raise InputError(
            f"--output: {output.name} must end in one of {formats}, because this is a film; it is canceled"
        )


def download(client: Client, job_id: str, output: Path, *, overwrite: bool) -> None:
    """Download a result in the format of the file's extension."""
    from cli.output.files import result_format, write_file

    write_file(output, client.result(job_id, result_format(output)), overwrite=overwrite)
    typer.echo(str(output), err=True)


def _progress(job: Job) -> str:
    if job.progress is None:
        return ""
    frames = f", frame {job.progress.frame}/{job.progress.frames}" if job.progress.frames else ""
    return f"{job.progress.iteration}/{job.progress.total}{frames}"
