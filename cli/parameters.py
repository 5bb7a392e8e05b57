"""Options made from the engine's parameters, so that their names, help and bounds are written once."""

from __future__ import annotations

import inspect
import typing
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand

from cli.errors import InputError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from nst_engine.spec.config import StyleConfig
    from nst_engine.spec.errors import ConfigError

GIVEN = "parameters"  # where the given ones stand in a context's meta


class ParameterCommand(TyperCommand):
    """A command that takes every parameter of StyleConfig as an option beside its own.

    The options are made when they are first looked at, so that `nst --help` need not load the parameters.
    """

    _made: list[Any] | None = None

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the command's own options, then the parameters."""
        if self._made is None:
            self._made = options()
        own = super().get_params(ctx)
        return [*own, *self._made]

    def invoke(self, ctx: Any) -> Any:
        """Set the given parameters apart from the command's own arguments, then run it."""
        names = {option.name for option in self._made or ()}
        ctx.meta[GIVEN] = {name: value for name, value in ctx.params.items() if name in names and value is not None}
        ctx.params = {name: value for name, value in ctx.params.items() if name not in names}
        return super().invoke(ctx)


def configured(given: dict[str, str]) -> StyleConfig:
    """Return the preset's parameters with the given ones in their place; raises InputError naming the option."""
    from nst_engine.spec.errors import ConfigError
    from nst_engine.spec.presets import resolve

    overrides = dict(given)
    try:
        return resolve(overrides.pop("preset", "default"), overrides)
    except ConfigError as error:
        raise refusal(error) from None


def refusal(error: ConfigError) -> InputError:
    """Name the options instead of the parameters."""
    told = [f"{flag(problem.field.split('.')[0])}: {problem.message}" for problem in error.problems]
    return InputError("; ".join(told) or error.message)


def options() -> list[Any]:
    """Make one option for each parameter, by Typer's public way in: from the signature of a function."""
    from nst_engine.spec.config import StyleConfig

    def holder(**_values: str | None) -> None: ...

    given = {name: _option(name, field) for name, field in StyleConfig.model_fields.items()}
    holder.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=option) for name, option in given.items()]
    )
    holder.__annotations__ = dict.fromkeys(given, str | None)
    app = typer.Typer(add_completion=False, rich_markup_mode="rich")
    app.command()(holder)
    return [made for made in typer.main.get_command(app).params if made.name in given]


def flag(name: str) -> str:
    """Return a parameter's option."""
    return "--" + name.replace("_", "-")


def _option(name: str, field: FieldInfo) -> Any:
    return typer.Option(
        None,
        flag(name),
        metavar=metavar(field),
        help=f"{field.description} [dim]\\[{shown(field.default)}][/]",
        rich_help_panel=f"Parameters: {group_of(field)}",
        autocompletion=lambda incomplete: [word for word in _choices(name, field) if word.startswith(incomplete)],
    )


def _choices(name: str, field: FieldInfo) -> list[str]:
    """Return the words that a parameter may be, where they can be counted."""
    from nst_engine.spec.presets import PRESETS

    if name == "preset":
        return list(PRESETS)
    words = metavar(field).split("|")
    return words if len(words) > 1 else []


def group_of(field: FieldInfo) -> str:
    """Return the group that a parameter is shown in."""
    extra = field.json_schema_extra
    return str(extra["group"]) if isinstance(extra, dict) else "other"


def metavar(field: FieldInfo) -> str:
    """Say in a word what a parameter takes, with its bounds."""
    kinds = [field.annotation, *typing.get_args(field.annotation)]
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return "|".join(kind)
    if bool in kinds:
        return "true|false"
    if typing.get_origin(field.annotation) is dict:
        return "LAYER:WEIGHT,…"
    plain = {int: "INTEGER", float: "NUMBER", str: "TEXT"}
    word = next((plain[kind] for kind in kinds if kind in plain), "NUMBER,…")
    bounds = {
        key: getattr(item, key) for item in field.metadata for key in ("ge", "gt", "le", "lt") if hasattr(item, key)
    }
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    return word if low is None or high is None else f"{word} {_number(low)}…{_number(high)}"


def _number(bound: float) -> str:
    return f"{bound:g}" if bound % 1 or (bound >= 1e9 and bound % 10 == 0) else f"{bound:.0f}"


def shown(default: object) -> str:
    """Write a parameter's value as its option takes it."""
    if default is None:
        return "none"
    if isinstance(default, dict):
        return ",".join(f"{name}:{weight:g}" for name, weight in default.items())
    if isinstance(default, tuple):
        return ",".join(f"{item:g}" for item in default)
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:.10g}" if isinstance(default, float) else str(default)
