"""`nst api` and `nst worker`: one process of the service each, for several machines or containers."""

import typer


def api(
    port: int | None = typer.Option(None, min=0, max=65535, help="Listen on this port. Default: NST_PORT, else 8000."),
    host: str | None = typer.Option(None, help="Listen on this address. Default: NST_HOST, else 127.0.0.1."),
    insecure_no_auth: bool = typer.Option(
        False, "--insecure-no-auth", help="Accept requests from other machines without API keys."
    ),
) -> None:
    """Run the API without a worker. It needs the Redis at NST_REDIS_URL."""
    from api.main import serve
    from api.settings import ApiSettings
    from cli.settings import load_settings
    from jobs.settings import JobSettings

    settings = load_settings(ApiSettings, host=host, port=port, insecure_no_auth=insecure_no_auth or None)
    raise typer.Exit(serve(settings, load_settings(JobSettings)))


def worker(
    device: str | None = typer.Option(
        None, help="Compute on auto, cpu, cuda, cuda:N or mps. Default: NST_DEVICE, else auto."
    ),
    per_device: int | None = typer.Option(
        None, min=1, help="Let this many workers share a CUDA device. Default: NST_PER_DEVICE, else 1."
    ),
) -> None:
    """Run one worker. It needs the Redis at NST_REDIS_URL.

    The worker reserves a device. If all devices are taken, it waits until one is free.
    """
    from cli.settings import load_settings
    from jobs.settings import JobSettings
    from worker.main import run
    from worker.settings import WorkerSettings

    run(load_settings(JobSettings), load_settings(WorkerSettings, device=device, per_device=per_device))
