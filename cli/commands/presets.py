"""`nst presets`: list the presets, their sources and their parameter values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from cli import completion
from cli.errors import InputError
from cli.parameters import format_value, group_of, metavar

if TYPE_CHECKING:
    from nst_engine.spec.presets import Preset


def presets(
    name: str | None = typer.Argument(
        None, metavar="[PRESET]", help="Show this preset with all its values.", autocompletion=completion.presets
    ),
    as_json: bool = typer.Option(False, "--json", help="Print JSON, with every value."),
    as_markdown: bool = typer.Option(False, "--markdown", help="Print docs/use/presets.md."),
) -> None:
    """List the presets, or show one with all its values.

    A preset is a complete set of parameters, such as that of a published method. Use one with `--preset`.

    \b
    $ nst presets
    $ nst presets classic-lbfgs
    """
    from cli.terminal import console, table
    from nst_engine import PRESETS

    if name is not None and name not in PRESETS:
        raise InputError(f"unknown preset {name!r}; choose one of {', '.join(PRESETS)}")
    chosen = list(PRESETS.values()) if name is None else [PRESETS[name]]
    if as_json:
        found = [_as_json(preset) for preset in chosen]
        typer.echo(json.dumps(found if name is None else found[0], indent=2))
    elif as_markdown:
        typer.echo("\n".join(markdown(chosen)))
    elif name is not None:
        typer.echo("\n".join([f"{name}: {chosen[0].summary}", *origin(chosen[0]), ""]))
        console().print(table(("GROUP", "PARAMETER", "VALUE", "IN DEFAULT"), values(chosen[0])))
    else:
        rows = [(preset.name, str(preset.config.model), preset.summary, preset.source) for preset in chosen]
        console().print(table(("PRESET", "MODEL", "DESCRIPTION", "SOURCE"), rows))
        typer.echo("\n`nst presets PRESET` shows one preset with all its values.")


def origin(preset: Preset) -> list[str]:
    """Return the source of a preset and, if it reproduces a system, how exactly it does so."""
    exactness = [] if preset.exactness == "Exact." else [f"Exactness: {preset.exactness}"]
    return [f"Source: {preset.source}", *exactness]


def values(preset: Preset) -> Iterator[tuple[str, str, str, str]]:
    """Yield group, name and value of each parameter, and its value in `default` if that differs."""
    from nst_engine import PRESETS, StyleConfig

    for parameter, field in StyleConfig.model_fields.items():
        if parameter != "preset":
            value, default = (getattr(config, parameter) for config in (preset.config, PRESETS["default"].config))
            yield group_of(field), parameter, format_value(value), "" if value == default else format_value(default)


def markdown(chosen: list[Preset]) -> Iterator[str]:
    """Write the page docs/use/presets.md: each preset's difference from `default`, then every parameter."""
    yield "# Presets\n\n<!-- `make reference` writes this page. -->\n"
    yield "A preset is a complete set of parameters: network, layers, losses, initial image, optimizer and sizes."
    yield "You can override any of them (`--preset classic-lbfgs --steps 100`). Each table below lists only the values"
    yield "that differ from `default`; [Parameters](#parameters) lists the rest."
    for preset in chosen:
        yield f"\n## `{preset.name}`\n\n{preset.summary}\n"
        yield from (f"- {line}" for line in origin(preset))
        if others := [row for row in values(preset) if row[3]]:
            yield "\n| parameter | value | in `default` |\n| --- | --- | --- |"
            yield from (f"| `{parameter}` | `{value}` | `{default}` |" for _, parameter, value, default in others)
    yield from _parameters()


def _parameters() -> Iterator[str]:
    from nst_engine import StyleConfig

    yield "\n## Parameters\n"
    yield "Each is an option of `nst stylize` and `nst jobs submit`, and a field of `POST /v1/jobs` and `StyleConfig`."
    group = ""
    for name, field in StyleConfig.model_fields.items():
        if group_of(field) != group:
            group = group_of(field)
            yield f"\n### {group.capitalize()}\n\n| parameter | default | values | description |"
            yield "| --- | --- | --- | --- |"
        accepted = metavar(field).replace("|", " · ").lower()
        yield f"| `{name}` | `{format_value(field.default)}` | {accepted} | {field.description} |"


def _as_json(preset: Preset) -> dict[str, object]:
    return {
        "name": preset.name,
        "summary": preset.summary,
        "source": preset.source,
        "exactness": preset.exactness,
        "params": preset.config.model_dump(mode="json"),
    }
