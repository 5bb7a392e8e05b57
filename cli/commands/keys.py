"""`nst keys`: who may use the service."""

import typer

from cli.service import asked


def commands() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)
    app.command()(create)
    app.command("list")(show)
    app.command()(revoke)
    app.command("webhook-secret")(show_webhook_secret)
    return app


def create(
    name: str = typer.Argument(..., help="What the key is for."),
    operator: bool = typer.Option(False, "--operator", help="May see the workers and the metrics."),
    batch: bool = typer.Option(False, "--batch", help="Its jobs yield to interactive ones."),
    queued: int | None = typer.Option(None, min=0, help="Most jobs that may wait."),
    running: int | None = typer.Option(None, min=0, help="Most jobs that may run at a time."),
    per_day: int | None = typer.Option(None, min=0, help="Most jobs a day."),
) -> None:
    """Make a key and print it; it cannot be shown again."""
    from jobs.api_keys import ApiKeys
    from jobs.model import OwnerLimits
    from jobs.status import Priority

    given = {"queued": queued, "running": running, "per_day": per_day}
    limits = OwnerLimits(**{field: value for field, value in given.items() if value is not None})
    priority = Priority.BATCH if batch else Priority.INTERACTIVE
    key, secret = asked(lambda redis: ApiKeys(redis).create(name, operator=operator, priority=priority, limits=limits))
    typer.echo(f"{key.id} ({key.name}): keep the key, it is shown only now", err=True)
    typer.echo(secret)


def show() -> None:
    """List the keys, without their secrets."""
    from cli.terminal import console, table
    from jobs.api_keys import ApiKeys

    found = asked(lambda redis: ApiKeys(redis).list())
    rows = [
        (
            key.id,
            key.name,
            "operator" if key.operator else "user",
            str(key.priority),
            key.created_at,
            key.revoked_at or "",
        )
        for key in found
    ]
    console().print(table(("ID", "NAME", "ROLE", "PRIORITY", "CREATED", "REVOKED"), rows))


def revoke(key_id: str = typer.Argument(..., metavar="ID", help="Its id, as `nst keys list` shows it.")) -> None:
    """End a key at once."""
    from jobs.api_keys import ApiKeys

    key = asked(lambda redis: ApiKeys(redis).revoke(key_id))
    typer.echo(f"{key.id} ({key.name}) revoked")


def show_webhook_secret(
    key_id: str = typer.Argument("local", metavar="[ID]", help="Id of the key; none while the service has no keys."),
) -> None:
    """Print the secret that webhooks of a key's jobs are signed with (Standard Webhooks)."""
    from jobs.api_keys import ApiKeys
    from jobs.service_secret import service_secret, webhook_secret
    from jobs.webhooks.delivery import WebhookSettings

    if key_id != "local":
        asked(lambda redis: ApiKeys(redis).get(key_id))
    given = WebhookSettings().secret
    secret = given.get_secret_value().encode() if given else asked(service_secret)
    typer.echo(webhook_secret(secret, key_id))
