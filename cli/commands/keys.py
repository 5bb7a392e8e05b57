"""`nst keys`: manage API keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from cli.errors import CommandError, InputError, path_problem
from cli.redis_client import with_redis

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from jobs.api_keys import ApiKey
    from jobs.model import OwnerLimits

WHERE = (
    "Keys are in the Redis of the service: at NST_REDIS_URL, else that of `nst up` in the data folder NST_DATA_DIR "
    "(default: .nst in the current folder)."
)
FIRST_KEY = (
    "This is the first key: within a second, the service refuses every request without a key. Clients send it with "
    "--key or NST_API_KEY, and the web page asks for it.\nTo do without keys again, revoke them, run "
    "`nst keys forget` and restart the service (docs/use/http-api.md, Keys)."
)
NO_KEY_LEFT = (
    "No key is left that works, and the service stays closed: create another one with `nst keys create NAME`.\n"
    "To do without keys again, run `nst keys forget` and restart the service (docs/use/http-api.md, Keys)."
)


def commands() -> typer.Typer:
    """Build the group of commands."""
    app = typer.Typer(
        help="Create, list and revoke API keys, and show their usage.", epilog=WHERE, no_args_is_help=True
    )
    app.command(epilog=WHERE)(create)
    app.command("list", epilog=WHERE)(list_keys)
    for command in (revoke, forget, usage):
        app.command(epilog=WHERE)(command)
    app.command("webhook-secret", epilog=WHERE)(show_webhook_secret)
    return app


def create(
    name: str = typer.Argument(..., metavar="NAME", help="What the key is for; shown in the list."),
    operator: bool = typer.Option(False, "--operator", help="Allow the key to read workers and metrics."),
    batch: bool = typer.Option(False, "--batch", help="Queue its jobs with batch priority, behind interactive ones."),
    queued: int | None = typer.Option(None, min=0, help="Most jobs that may be queued at a time."),
    running: int | None = typer.Option(None, min=0, help="Most jobs that may run at a time."),
    per_day: int | None = typer.Option(None, min=0, help="Most jobs in a day."),
) -> None:
    """Create an API key and print it. It is not shown again.

    Once a key has been created, the API requires a key from every client: `nst jobs` with --key or NST_API_KEY.

    \b
    $ nst keys create admin --operator
    $ nst keys create scripts --batch --per-day 500
    """
    from jobs.api_keys import ApiKeys
    from jobs.model import OwnerLimits
    from jobs.status import Priority

    if not name.strip() or not name.isprintable():
        raise InputError("NAME: say what the key is for, in one line of printable characters")
    given = {"queued": queued, "running": running, "per_day": per_day}
    limits = OwnerLimits(**{field: value for field, value in given.items() if value is not None})
    priority = Priority.BATCH if batch else Priority.INTERACTIVE

    async def create_key(redis: Redis) -> tuple[ApiKey, str, bool]:
        keys = ApiKeys(redis)
        is_first = not await keys.exist()
        key, secret = await keys.create(name, operator=operator, priority=priority, limits=limits)
        return key, secret, is_first

    key, secret, is_first = with_redis(create_key)
    typer.echo(f"{key.id} ({key.name}): store the key now, it is not shown again", err=True)
    if is_first:
        typer.echo(FIRST_KEY, err=True)
    typer.echo(secret)


def list_keys() -> None:
    """List the API keys and their limits, without their secrets."""
    from cli.terminal import console, table
    from jobs.api_keys import ApiKeys

    rows = [
        (
            key.id,
            key.name,
            "operator" if key.operator else "user",
            str(key.priority),
            _limits(key.limits),
            key.created_at,
            key.revoked_at or "",
        )
        for key in with_redis(lambda redis: ApiKeys(redis).list())
    ]
    console().print(table(("ID", "NAME", "ROLE", "PRIORITY", "LIMITS", "CREATED", "REVOKED"), rows))


def _limits(limits: OwnerLimits) -> str:
    named = {"queued": limits.queued, "running": limits.running, "a day": limits.per_day}
    return ", ".join(f"{most} {what}" for what, most in named.items() if most is not None)


def revoke(key_id: str = typer.Argument(..., metavar="ID", help="Id of the key, from `nst keys list`.")) -> None:
    """Revoke an API key. It stops working at once."""
    from jobs.api_keys import ApiKeys

    key = with_redis(lambda redis: ApiKeys(redis).revoke(key_id))
    typer.echo(f"{key.id} ({key.name}) revoked")
    if not _active_keys():
        typer.echo(NO_KEY_LEFT, err=True)


def forget() -> None:
    """Delete the records of the keys, all of which must be revoked, so that the service does without keys again.

    Also deletes the file keys-required in the data folder of the API. Restart the service afterwards.
    """
    from cli.redis_client import job_settings
    from jobs.api_keys import KEYS_REQUIRED, ApiKeys

    if active := _active_keys():
        raise CommandError(f"{active[0].id} ({active[0].name}) is not revoked: run `nst keys revoke {active[0].id}`")
    count = with_redis(lambda redis: ApiKeys(redis).forget_revoked())
    file = job_settings().data_dir.absolute() / KEYS_REQUIRED
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise CommandError(path_problem(file, error)) from None
    typer.echo(f"no key is left ({count} deleted); restart the service to use it without keys")


def _active_keys() -> list[ApiKey]:
    from jobs.api_keys import ApiKeys

    return [key for key in with_redis(lambda redis: ApiKeys(redis).list()) if key.is_active]


def usage(
    days: int = typer.Option(30, min=1, max=400, help="Show this many days, the last of which is today (UTC)."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Show what each key used on each day: jobs, pixels of finished pictures and frames, and device seconds."""
    from dataclasses import asdict
    from datetime import UTC, datetime, timedelta

    from cli.terminal import console, table
    from jobs.api_keys import ApiKeys
    from jobs.usage import UsageReader

    today = datetime.now(UTC).date()
    found = with_redis(lambda redis: UsageReader(redis).read(today - timedelta(days=days - 1), today))
    if as_json:
        typer.echo(json.dumps([asdict(item) for item in found], indent=2, default=str))
        return
    names = {key.id: key.name for key in with_redis(lambda redis: ApiKeys(redis).list())}
    rows = [
        (
            str(item.day),
            item.key,
            names.get(item.key, ""),
            str(item.jobs),
            str(item.pixels),
            f"{item.device_seconds:.1f}",
        )
        for item in found
    ]
    console().print(table(("DAY", "ID", "NAME", "JOBS", "PIXELS", "DEVICE SECONDS"), rows))


def show_webhook_secret(
    key_id: str = typer.Argument("local", metavar="[ID]", help="Id of the key; leave it out if there are no keys."),
) -> None:
    """Print the secret that signs the webhooks of a key's jobs (Standard Webhooks)."""
    from cli.settings import load_settings
    from jobs.api_keys import ApiKeys
    from jobs.service_secret import service_secret, webhook_secret
    from jobs.webhooks.delivery import WebhookSettings

    if key_id != "local":
        with_redis(lambda redis: ApiKeys(redis).get(key_id))
    given = load_settings(WebhookSettings).secret
    secret = given.get_secret_value().encode() if given else with_redis(service_secret)
    typer.echo(webhook_secret(secret, key_id))
