"""`nst config`: list every setting, its value and its source."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from pydantic_settings import BaseSettings

# Which process reads which settings; a container image holds either the API or the worker.
PARTS = {
    "everywhere": ("jobs.settings", "JobSettings"),
    "api": ("api.settings", "ApiSettings"),
    "worker": ("worker.settings", "WorkerSettings"),
    "webhooks": ("jobs.webhooks.delivery", "WebhookSettings"),
    "weights": ("cli.settings", "WeightsSettings"),
    "nst up": ("cli.settings", "SupervisorSettings"),
    "nst jobs": ("cli.settings", "ConnectionSettings"),
}
TITLES = {"api": "API", "nst up": "`nst up`", "nst jobs": "`nst jobs`"}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting with its current value; the fields are the keys of the JSON output."""

    variable: str
    part: str
    value: str
    default: str
    origin: str
    description: str


def config(
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
    as_markdown: bool = typer.Option(False, "--markdown", help="Print docs/run/settings.md, which lists the defaults."),
) -> None:
    """List every setting with its value and where the value comes from.

    Settings are environment variables named NST_…. Secrets are masked.
    """
    from cli.terminal import console, table

    found = list(all_settings())
    if as_json:
        typer.echo(json.dumps([asdict(setting) for setting in found], indent=2))
    elif as_markdown:
        typer.echo(markdown(found), nl=False)
    else:
        rows = [(setting.variable, setting.value, setting.origin, setting.description) for setting in found]
        console().print(table(("SETTING", "VALUE", "FROM", "DESCRIPTION"), rows))


def all_settings() -> Iterator[Setting]:
    """Yield every setting once, part by part; raises InputError if a value is invalid."""
    from cli.settings import load_settings
    from jobs.settings import PREFIX

    seen: set[str] = set()
    for part, kind in settings_classes().items():
        values = load_settings(kind)
        for name, field in kind.model_fields.items():
            variable = PREFIX + name.upper()
            if variable in seen:
                continue
            seen.add(variable)
            yield Setting(
                variable=variable,
                part=part,
                value=_format(getattr(values, name)),
                default=_format(field.get_default(call_default_factory=True)),
                origin="environment" if os.environ.get(variable) else "default",
                description=field.description or "",
            )


def settings_classes() -> dict[str, type[BaseSettings]]:
    """Return the settings class of each part that is installed."""
    found = {}
    for part, (module, name) in PARTS.items():
        try:
            found[part] = getattr(import_module(module), name)
        except ModuleNotFoundError:  # a container image, or an installation without an extra, lacks this part
            continue
    return found


def markdown(found: list[Setting]) -> str:
    """Write the page docs/run/settings.md."""
    lines = ["# Settings", "", "<!-- `make reference` writes this page. -->", ""]
    lines += ["Every setting is an environment variable. A dash stands for a setting that is empty by default.", ""]
    for part in dict.fromkeys(setting.part for setting in found):
        lines += [f"## {TITLES.get(part, part.capitalize())}", ""]
        lines += ["| variable | default | description |", "| --- | --- | --- |"]
        lines += [f"| `{s.variable}` | {_cell(s.default)} | {s.description} |" for s in found if s.part == part]
        lines.append("")
    return "\n".join(lines)


def _cell(default: str) -> str:
    return f"`{default}`" if default else "–"


def _format(value: object) -> str:
    from cli.settings import without_secrets

    if isinstance(value, tuple):
        return ", ".join(_format(item) for item in value)
    return "" if value is None else without_secrets(str(value))
