"""`nst api` and `nst worker`: one role of the service, for machines that run one each."""

import typer

from cli.commands.config import checked


def api(
    port: int | None = typer.Option(None, min=0, max=65535, help="Port [NST_PORT, 8000]."),
    host: str | None = typer.Option(None, help="Address to listen on [NST_HOST, 127.0.0.1]."),
    insecure_no_auth: bool = typer.Option(False, "--insecure-no-auth", help="Serve other machines without API keys."),
) -> None:
    """Run the API alone."""
    from api.main import serve
    from api.settings import ApiSettings
    from jobs.settings import JobSettings

    given = {"host": host, "port": port, "insecure_no_auth": insecure_no_auth or None}
    raise typer.Exit(serve(checked(ApiSettings, given), checked(JobSettings)))


def worker(
    device: str | None = typer.Option(None, help="auto, cpu, cuda, cuda:1 or mps [NST_DEVICE, auto]."),
    per_device: int | None = typer.Option(
        None, min=1, help="Most workers that may share a CUDA device [NST_PER_DEVICE, 1]."
    ),
) -> None:
    """Run one worker, on a device that it has for its own; waits for one if all are taken."""
    from jobs.settings import JobSettings
    from worker.main import run
    from worker.settings import WorkerSettings

    run(checked(JobSettings), checked(WorkerSettings, {"device": device, "per_device": per_device}))
