"""`nst api` and `nst worker`: one role of the service, for machines that run one each."""

import typer

from cli.configuration import checked


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
) -> None:
    """Run one worker."""
    from jobs.settings import JobSettings
    from worker.main import run
    from worker.settings import WorkerSettings

    run(checked(JobSettings), checked(WorkerSettings, {"device": device}))
