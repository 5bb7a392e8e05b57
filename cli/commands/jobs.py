"""`nst jobs`: the jobs of a running service, here or elsewhere."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli import completion
from cli.errors import CommandError
from cli.parameters import GIVEN, ParameterCommand

if TYPE_CHECKING:
    from nst_client import Client, Job

SERVER = typer.Option(None, "--server", help="Where the service is [NST_SERVER, http://127.0.0.1:8000].")
KEY = typer.Option(None, "--key", help="API key, where the service asks for one [NST_API_KEY].")
JOB = typer.Argument(..., metavar="JOB", help="Its id.")
AS_JSON = typer.Option(False, "--json", help="Print JSON.")


def commands() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(help="Send jobs to a running service, follow them and fetch pictures.", no_args_is_help=True)
    app.command(cls=ParameterCommand)(submit)
    app.command("list")(show_all)
    for command in (show, watch, result, cancel, retry):
        app.command()(command)
    return app


def submit(
    context: typer.Context,
    content: Path = typer.Argument(..., metavar="CONTENT", help="The photo."),
    styles: list[str] = typer.Argument(
        ..., metavar="STYLE...", help="Paintings, or the name of a built-in style.", autocompletion=completion.styles
    ),
    mask: list[Path] = typer.Option([], help="Where each style applies (white), one per style, in their order."),
    output: Path | None = typer.Option(None, "--output", "-o", help="Wait, and write the picture here."),
    server: str | None = SERVER,
    key: str | None = KEY,
) -> None:
    """Send a photo and paintings; print the job's id, or wait for the picture."""
    from cli.outputs import written_as

    if output is not None:
        written_as(output)
    files = [Path(style) for style in styles]
    named = styles[0] if len(styles) == 1 and not files[0].exists() else None
    with service(server, key) as client:
        job = client.submit(content, [] if named else files, style_name=named, masks=mask, **context.meta[GIVEN])
        typer.echo(job.id)
        if output is not None:
            follow(client, job.id)
            save(client, job.id, output)


def show_all(
    status: str | None = typer.Option(None, help="Only those: queued, running, succeeded, failed or canceled."),
    limit: int = typer.Option(20, min=1, help="Most jobs to list."),
    as_json: bool = AS_JSON,
    server: str | None = SERVER,
    key: str | None = KEY,
) -> None:
    """List own jobs, newest first."""
    from itertools import islice

    from cli.terminal import console, table

    with service(server, key) as client:
        found = list(islice(client.jobs(status=status, limit=min(limit, 100)), limit))
    if as_json:
        typer.echo(json.dumps([dict(job.raw) for job in found], indent=2))
    else:
        rows = [(job.id, job.status, _far(job), str(job.raw.get("created_at", ""))) for job in found]
        console().print(table(("JOB", "STATUS", "DONE", "CREATED"), rows))


def show(job_id: str = JOB, server: str | None = SERVER, key: str | None = KEY) -> None:
    """Print everything that is known of a job, as JSON."""
    with service(server, key) as client:
        typer.echo(json.dumps(dict(client.get(job_id).raw), indent=2))


def watch(job_id: str = JOB, server: str | None = SERVER, key: str | None = KEY) -> None:
    """Follow a job until it has ended."""
    with service(server, key) as client:
        follow(client, job_id)


def result(
    job_id: str = JOB,
    output: Path = typer.Option(..., "--output", "-o", help="Where to write: .png, .jpg, .webp or .tif."),
    server: str | None = SERVER,
    key: str | None = KEY,
) -> None:
    """Fetch the picture of a job that has succeeded."""
    with service(server, key) as client:
        save(client, job_id, output)


def cancel(job_id: str = JOB, server: str | None = SERVER, key: str | None = KEY) -> None:
    """Stop a job."""
    with service(server, key) as client:
        job = client.cancel(job_id)
        typer.echo(job.status if job.has_ended else "stopping")


def retry(job_id: str = JOB, server: str | None = SERVER, key: str | None = KEY) -> None:
    """Make a new job of an ended one, and print its id."""
    with service(server, key) as client:
        typer.echo(client.retry(job_id).id)


def service(server: str | None, key: str | None) -> AbstractContextManager[Client]:
    """Talk to the service that was named, or to that of the settings."""
    from cli.connection import connected

    return connected(server, key)


def follow(client: Client, job_id: str) -> None:
    """Show a job's progress until it has ended; raises CommandError if there is no picture."""
    from cli.terminal import progress_bar, show_end, show_event
    from nst_client import JobEndedError

    job = client.get(job_id)
    if job.waiting_for:
        typer.echo(f"the job waits for {job.waiting_for}", err=True)
    with progress_bar() as bar:
        task = bar.add_task(job.status, total=None, loss="-", note="")
        for event in client.events(job_id):
            show_event(bar, task, event)
        job = client.get(job_id)
        show_end(bar, task, job)
    if job.status != "succeeded":
        raise CommandError(str(JobEndedError(job)))


def save(client: Client, job_id: str, output: Path) -> None:
    """Fetch a picture in the format that the file's name asks for."""
    from cli.outputs import write_file, written_as

    write_file(output, client.result(job_id, written_as(output)))
    typer.echo(str(output), err=True)


def _far(job: Job) -> str:
    if job.progress is None:
        return ""
    return f"{job.progress.iteration}/{job.progress.total}"
