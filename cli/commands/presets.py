"""`nst presets`: the named systems, their sources, how exact they are, and their values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from cli import completion
from cli.errors import InputError
from cli.parameters import group_of, metavar, shown

if TYPE_CHECKING:
    from nst_engine.spec.presets import Preset


def presets(
    name: str | None = typer.Argument(
        None, metavar="[PRESET]", help="Show this one with all its values.", autocompletion=completion.presets
    ),
    as_json: bool = typer.Option(False, "--json", help="Print JSON, with every value."),
    as_markdown: bool = typer.Option(False, "--markdown", help="Print the page docs/use/presets.md."),
) -> None:
    """List the presets: whole systems by name, each with its source; or show one with its values."""
    from cli.terminal import console, table
    from nst_engine.spec.presets import PRESETS

    if name is not None and name not in PRESETS:
        raise InputError(f"no preset is called {name!r}; there are {', '.join(PRESETS)}")
    chosen = list(PRESETS.values()) if name is None else [PRESETS[name]]
    if as_json:
        found = [_as_data(preset) for preset in chosen]
        typer.echo(json.dumps(found if name is None else found[0], indent=2))
    elif as_markdown:
        typer.echo("\n".join(markdown(chosen)))
    elif name is not None:
        typer.echo(f"{name}: {chosen[0].summary}\nSource: {chosen[0].source}\nHow exact: {chosen[0].exactness}\n")
        console().print(table(("GROUP", "PARAMETER", "VALUE", "IN DEFAULT"), values(chosen[0])))
    else:
        lines = [(preset.name, str(preset.config.model), preset.summary, preset.source) for preset in chosen]
        console().print(table(("PRESET", "MODEL", "WHAT IT IS", "SOURCE"), lines))
        typer.echo("\n`nst presets PRESET` shows its values and how exact it is.")


def values(preset: Preset) -> Iterator[tuple[str, str, str, str]]:
    """Yield group, name and value of each parameter, and its value in `default` where that is another."""
    from nst_engine.spec.config import StyleConfig
    from nst_engine.spec.presets import DEFAULT

    for parameter, field in StyleConfig.model_fields.items():
        if parameter != "preset":
            value, default = (getattr(config, parameter) for config in (preset.config, DEFAULT.config))
            yield group_of(field), parameter, shown(value), "" if value == default else shown(default)


def markdown(chosen: list[Preset]) -> Iterator[str]:
    """Write presets as a page: what each is, in which values it differs from `default`, and every parameter."""
    yield "# Presets\n\nMade by `nst presets --markdown`."
    yield "A preset is a whole system by name: network, layers, losses, first"
    yield "picture, optimiser, sizes. Any value can be replaced (`--preset classic-lbfgs --steps 100`). What a preset's"
    yield "table leaves out is as in `default`, under [Parameters](#parameters)."
    for preset in chosen:
        yield f"\n## `{preset.name}`\n\n{preset.summary}\n\n- Source: {preset.source}\n- How exact: {preset.exactness}"
        if others := [row for row in values(preset) if row[3]]:
            yield "\n| parameter | value | in `default` |\n| --- | --- | --- |"
            yield from (f"| `{parameter}` | `{value}` | `{default}` |" for _, parameter, value, default in others)
    yield from _parameters()


def _parameters() -> Iterator[str]:
    from nst_engine.spec.config import StyleConfig

    yield "\n## Parameters\n"
    yield "Options of `nst stylize` and `nst jobs submit`, fields of `POST /v1/jobs` and of `nst_engine.StyleConfig`."
    group = ""
    for name, field in StyleConfig.model_fields.items():
        if group_of(field) != group:
            group = group_of(field)
            yield f"\n### {group.capitalize()}\n\n| parameter | default | takes | what it does |"
            yield "| --- | --- | --- | --- |"
        takes = metavar(field).replace("|", " · ").lower()
        yield f"| `{name}` | `{shown(field.default)}` | {takes} | {field.description} |"


def _as_data(preset: Preset) -> dict[str, object]:
    return {
        "name": preset.name,
        "summary": preset.summary,
        "source": preset.source,
        "exactness": preset.exactness,
        "params": preset.config.model_dump(mode="json"),
    }
