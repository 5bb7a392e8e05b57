"""`nst up`: the whole service here, until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from cli.local_service.stack import StackSettings
    from cli.local_service.supervisor import Say


def up(
    port: int | None = typer.Option(None, min=1, max=65535, help="Port of the API and the page [NST_PORT, 8000]."),
    host: str | None = typer.Option(None, help="Address to listen on [NST_HOST, 127.0.0.1]."),
    data_dir: Path | None = typer.Option(None, help="Folder for pictures and Redis [NST_DATA_DIR, .nst]."),
    insecure_no_auth: bool = typer.Option(False, "--insecure-no-auth", help="Serve other machines without API keys."),
) -> None:
    """Run the whole service: Redis (unless NST_REDIS_URL names one), API and worker, until Ctrl-C."""
    from api.settings import ApiSettings
    from cli.commands.config import checked
    from cli.local_service.stack import StackSettings, check_free
    from cli.local_service.supervisor import SupervisorSettings
    from jobs.settings import JobSettings
    from jobs.webhooks.delivery import WebhookSettings
    from worker.settings import WorkerSettings

    given = {"host": host, "port": port, "insecure_no_auth": insecure_no_auth or None}
    api = checked(ApiSettings, given)
    for kind in (WorkerSettings, WebhookSettings):  # what the worker would stumble over
        checked(kind)
    check_free(api.host, api.port)
    settings = StackSettings(
        data_dir=data_dir or checked(JobSettings).data_dir,
        host=api.host,
        port=api.port,
        redis_url=os.environ.get("NST_REDIS_URL") or None,
        environment={**os.environ, "NST_INSECURE_NO_AUTH": str(api.insecure_no_auth)},
        restart_limit=checked(SupervisorSettings).restart_limit,
    )
    asyncio.run(serve(settings))


async def serve(settings: StackSettings) -> None:
    """Run a stack until SIGINT or SIGTERM; a second one ends it at once."""
    from cli.local_service.stack import Stack, running

    say = printed()
    stack = Stack(settings, say)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    hurried: set[asyncio.Task[None]] = set()

    def stop() -> None:
        if stopped.is_set():
            hurried.add(loop.create_task(stack.stop(grace_seconds=0)))
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    async with running(stack, stopped):
        if not stopped.is_set():
            say("nst", f"ready at {settings.url} (documentation at {settings.url}/docs); Ctrl-C ends it")
            await stack.watch()
        say("nst", "ending")
    say("nst", "ended")


def printed() -> Say:
    """Return a log on stdout: who in front, in colour on a terminal."""
    from rich.text import Text

    from cli.local_service.log_format import readable
    from cli.terminal import console

    colours = {"nst": "bold", "redis": "red", "api": "cyan", "worker": "green"}
    screen = console()

    def say(who: str, what: str) -> None:
        prefix = Text(f"{who:>6} | ", style=colours.get(who, ""))
        screen.print(prefix.append(Text.from_ansi(readable(what))), soft_wrap=True)

    return say
