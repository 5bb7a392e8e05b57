"""`nst config`: every setting, its value and where it comes from."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from cli.errors import InputError

if TYPE_CHECKING:
    from pydantic_settings import BaseSettings

PREFIX = "NST_"
# A container image holds the API or the worker.
PARTS = {
    "everywhere": ("jobs.settings", "JobSettings"),
    "api": ("api.settings", "ApiSettings"),
    "worker": ("worker.settings", "WorkerSettings"),
    "webhooks": ("jobs.webhooks.delivery", "WebhookSettings"),
    "weights": ("cli.downloads", "WeightsSettings"),
    "nst up": ("cli.local_service.supervisor", "SupervisorSettings"),
    "nst jobs": ("cli.connection", "ConnectionSettings"),
}
Kind = TypeVar("Kind", bound="BaseSettings")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting as it stands."""

    variable: str
    part: str
    value: str
    default: str
    origin: str
    description: str


def config(
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
    as_markdown: bool = typer.Option(False, "--markdown", help="Print the table of docs/run/settings.md."),
) -> None:
    """List every NST_ setting with its value and where that comes from."""
    from cli.terminal import console, table

    found = list(settings(os.environ))
    if as_json:
        typer.echo(json.dumps([vars(setting) for setting in found], indent=2))
    elif as_markdown:
        typer.echo(markdown(found), nl=False)
    else:
        rows = [(setting.variable, setting.value, setting.origin, setting.description) for setting in found]
        console().print(table(("SETTING", "VALUE", "FROM", "WHAT IT IS"), rows))


def settings(environment: Mapping[str, str]) -> Iterator[Setting]:
    """Yield every setting once, in the order of the parts; raises InputError for a value that cannot be used."""
    seen: set[str] = set()
    for part, kind in kinds().items():
        values = checked(kind)
        for name, field in kind.model_fields.items():
            variable = PREFIX + name.upper()
            if variable in seen:
                continue
            seen.add(variable)
            yield Setting(
                variable=variable,
                part=part,
                value=_shown(getattr(values, name)),
                default=_shown(field.get_default(call_default_factory=True)),
                origin="environment" if variable in environment else "default",
                description=field.description or "",
            )


def kinds() -> dict[str, type[BaseSettings]]:
    """Return the settings classes by the part of the service that reads them, of the parts that are installed."""
    found = {}
    for part, (module, name) in PARTS.items():
        try:
            found[part] = getattr(import_module(module), name)
        except ModuleNotFoundError:  # an image, or an installation without an extra, holds a part of nst
            continue
    return found


def checked(kind: type[Kind], given: Mapping[str, object] = MappingProxyType({})) -> Kind:
    """Read settings from the environment, under what was given (None is not); raises InputError on a bad one."""
    from pydantic import ValidationError

    values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    try:
        return kind(**values)
    except ValidationError as error:
        told = [f"{_source(str(item['loc'][0]), given)}: {item['msg']}" for item in error.errors()]
        raise InputError("; ".join(told)) from None


def _source(name: str, given: Mapping[str, object]) -> str:
    return "--" + name.replace("_", "-") if given.get(name) is not None else PREFIX + name.upper()


def markdown(found: list[Setting]) -> str:
    """Write the settings as the tables of docs/run/settings.md."""
    lines = ["# Settings", "", "Made by `nst config --markdown`. Each is an environment variable.", ""]
    for part in dict.fromkeys(setting.part for setting in found):
        lines += [f"## {part[0].upper() + part[1:]}", "", "| variable | default | what it is |", "| --- | --- | --- |"]
        lines += [f"| `{s.variable}` | `{s.default}` | {s.description} |" for s in found if s.part == part]
        lines.append("")
    return "\n".join(lines)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value)
    return "" if value is None else str(value)
