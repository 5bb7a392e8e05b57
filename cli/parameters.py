"""Options that commands share, above all those for the engine's parameters, which are generated from StyleConfig."""

from __future__ import annotations

import inspect
import typing
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand

from cli import completion
from cli.errors import InputError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from nst_engine import ConfigError, StyleConfig

PARAMETERS = "parameters"  # the key of the given parameters in a context's meta

# Arguments and options that several commands share.
STYLES = typer.Argument(
    ...,
    metavar="STYLE...",
    help="Style images: files, or names of built-in styles. A name wins; write ./NAME for a file of that name.",
    autocompletion=completion.styles,
)
MASKS = typer.Option(
    [], "--mask", help="Image that limits a style to its white areas. Give one per style, in the same order."
)
STYLE_MASKS = typer.Option(
    [], "--style-mask", help="Image whose white areas are the part of a style that counts. Give one per style."
)
ALPHA = typer.Option(
    "keep",
    "--alpha",
    help="What becomes of the photo's transparent parts: keep (in PNG, WebP and TIFF), white or a color, #rrggbb.",
)
DEVICE = typer.Option("auto", "--device", help="Compute on auto, cpu, cuda, cuda:N or mps.")
FPS = typer.Option(None, "--fps", help="Frames a second to paint of a film. Default: all.")
START = typer.Option(None, "--from", metavar="SECOND", help="Start of the part of a film to paint.")
END = typer.Option(None, "--to", metavar="SECOND", help="End of the part of a film to paint.")
OVERWRITE = typer.Option(False, "--overwrite", help="Replace output files that exist.")
QUIET = typer.Option(False, "--quiet", "-q", help="Show no progress.")


class ParameterCommand(TyperCommand):
    """A command that has an option for every parameter of StyleConfig, in addition to its own.

    The options are created on first use, so that `nst --help` does not load pydantic.
    """

    _options: list[Any] | None = None

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the command's own options, then the parameters."""
        if self._options is None:
            self._options = parameter_options()
        return [*super().get_params(ctx), *self._options]

    def invoke(self, ctx: Any) -> Any:
        """Move the given parameters from the command's arguments to the context's meta, then run the command."""
        names = {option.name for option in self._options or ()}
        ctx.meta[PARAMETERS] = {
            name: value for name, value in ctx.params.items() if name in names and value is not None
        }
        ctx.params = {name: value for name, value in ctx.params.items() if name not in names}
        return super().invoke(ctx)


def build_config(given: dict[str, str]) -> StyleConfig:
    """Return the preset's parameters, overridden by the given ones; raises InputError naming the wrong option."""
    from nst_engine import ConfigError, resolve

    overrides = dict(given)
    try:
        return resolve(overrides.pop("preset", "default"), overrides)
    except ConfigError as error:
        raise as_input_error(error) from None


def as_input_error(error: ConfigError) -> InputError:
    """Convert an error of the engine: name the options instead of the parameters."""
    names = [problem.field.split(".")[0] for problem in error.problems]
    names = [name if name in ("content", "style") else flag(name) for name in names]  # arguments are no options
    problems = [f"{name}: {problem.message}" for name, problem in zip(names, error.problems, strict=True)]
    return InputError("; ".join(problems) or error.message)


def parameter_options() -> list[Any]:
    """Create one option per parameter. Typer's public API for that is the signature of a function."""
    from nst_engine import StyleConfig

    def command(**_values: str | None) -> None: ...

    options = {name: _option(name, field) for name, field in StyleConfig.model_fields.items()}
    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=option) for name, option in options.items()]
    )
    command.__annotations__ = dict.fromkeys(options, str | None)
    app = typer.Typer(add_completion=False, rich_markup_mode="rich")
    app.command()(command)
    return [parameter for parameter in typer.main.get_command(app).params if parameter.name in options]


def flag(name: str) -> str:
    """Return a parameter's option."""
    return "--" + name.replace("_", "-")


def _option(name: str, field: FieldInfo) -> Any:
    return typer.Option(
        None,
        flag(name),
        metavar=metavar(field),
        help=f"{field.description} [dim]\\[{format_value(field.default)}][/]",
        rich_help_panel=f"Parameters: {group_of(field)}",
        autocompletion=lambda incomplete: [word for word in _choices(name, field) if word.startswith(incomplete)],
    )


def _choices(name: str, field: FieldInfo) -> list[str]:
    """Return the values of a parameter that has a fixed set of them."""
    from nst_engine import PRESETS

    if name == "preset":
        return list(PRESETS)
    words = metavar(field).split("|")
    return words if len(words) > 1 else []


def group_of(field: FieldInfo) -> str:
    """Return the group under which the help lists a parameter."""
    extra = field.json_schema_extra
    return str(extra["group"]) if isinstance(extra, dict) else "other"


def metavar(field: FieldInfo) -> str:
    """Describe the values that a parameter accepts: its type with the bounds, or its choices."""
    kinds = [field.annotation, *typing.get_args(field.annotation)]
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return "|".join(kind)
    if bool in kinds:
        return "true|false"
    if typing.get_origin(field.annotation) is dict:
        return "LAYER:WEIGHT,…"
    if "dict[" in str(field.annotation):
        return "LAYER:WEIGHT,…;…"
    plain = {int: "INTEGER", float: "NUMBER", str: "TEXT"}
    word = next((plain[kind] for kind in kinds if kind in plain), "NUMBER,…")
    bounds = {
        key: getattr(item, key) for item in field.metadata for key in ("ge", "gt", "le", "lt") if hasattr(item, key)
    }
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    return word if low is None or high is None else f"{word} {_number(low)}…{_number(high)}"


def _number(bound: float) -> str:
    return f"{bound:g}" if bound % 1 or (bound >= 1e9 and bound % 10 == 0) else f"{bound:.0f}"


def format_value(value: object) -> str:
    """Format a parameter's value as its option accepts it."""
    if value is None:
        return "none"
    if isinstance(value, dict):
        return ",".join(f"{name}:{weight:g}" for name, weight in value.items())
    if isinstance(value, tuple) and any(isinstance(item, dict) for item in value):
        return ";".join(format_value(item) for item in value)
    if isinstance(value, tuple):
        return ",".join(f"{item:g}" for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def check_alpha(alpha: str) -> str:
    """Return the value of --alpha; raises InputError."""
    from nst_engine.images.alpha import ALPHA as VALID

    if not VALID.fullmatch(alpha):
        raise InputError(f"--alpha: {alpha} is not keep, white or a color such as #20a0ff")
    return alpha
