"""`nst up`: run the whole service on this machine."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from cli.local_service.stack import StackSettings
    from cli.local_service.supervisor import Log


def up(
    port: int | None = typer.Option(
        None, min=1, max=65535, help="Port of the API and the web page. Default: NST_PORT, else 8000."
    ),
    host: str | None = typer.Option(None, help="Listen on this address. Default: NST_HOST, else 127.0.0.1."),
    data_dir: Path | None = typer.Option(
        None, help="Keep images and the data of Redis in this folder. Default: NST_DATA_DIR, else .nst."
    ),
    insecure_no_auth: bool = typer.Option(
        False, "--insecure-no-auth", help="Accept requests from other machines without API keys."
    ),
) -> None:
    """Run the whole service on this machine: API, worker and Redis. Ctrl-C stops it.

    Uses the Redis at NST_REDIS_URL if that is set, else starts its own. A process that dies is restarted.
    """
    from api.settings import ApiSettings
    from cli.local_service.stack import StackSettings, check_port_free, free_port
    from cli.settings import SupervisorSettings, load_settings
    from jobs.settings import JobSettings
    from jobs.webhooks.delivery import WebhookSettings
    from worker.settings import WorkerSettings

    api = load_settings(ApiSettings, host=host, port=port, insecure_no_auth=insecure_no_auth or None)
    jobs = load_settings(JobSettings, data_dir=data_dir)
    for kind in (WorkerSettings, WebhookSettings):  # refuse here what would stop the worker later
        load_settings(kind)
    port = api.port or free_port()  # NST_PORT=0
    check_port_free(api.host, port)
    settings = StackSettings(
        data_dir=jobs.data_dir,
        host=api.host,
        port=port,
        redis_url=os.environ.get("NST_REDIS_URL") or None,
        environment={**os.environ, "NST_INSECURE_NO_AUTH": str(api.insecure_no_auth)},
        restart_limit=load_settings(SupervisorSettings).restart_limit,
    )
    asyncio.run(serve(settings))


async def serve(settings: StackSettings) -> None:
    """Run a stack until SIGINT or SIGTERM; a second signal kills it."""
    from cli.local_service.stack import Stack, running

    log = terminal_log()
    stack = Stack(settings, log)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    kills: set[asyncio.Task[None]] = set()

    def stop() -> None:
        if stopped.is_set():
            kills.add(loop.create_task(stack.stop(grace_seconds=0)))
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    async with running(stack, stopped):
        if not stopped.is_set():
            log("nst", f"ready at {settings.url} (API documentation: {settings.url}/docs); press Ctrl-C to stop")
            await stack.watch()
        log("nst", "stopping")
    log("nst", "stopped")


def terminal_log() -> Log:
    """Return a log on stdout, with the source before each line, colored on a terminal."""
    from rich.text import Text

    from cli.local_service.log_format import format_line
    from cli.terminal import console

    colors = {"nst": "bold", "redis": "red", "api": "cyan", "worker": "green"}
    screen = console()

    def log(source: str, line: str) -> None:
        prefix = Text(f"{source:>6} | ", style=colors.get(source, ""))
        screen.print(prefix.append(Text.from_ansi(format_line(line))), soft_wrap=True)

    return log
