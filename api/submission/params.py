"""The parameters of a job: a JSON part or plain form fields, validated by the engine's own schema."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator

from api.problems import InvalidField, ProblemError, invalid_parameters, pointer
from api.submission.multipart import Entry
from api.submission.sources import FIELDS, INIT, PARTS, Pair, SavedFile
from jobs.outbound.url_guard import AddressRefusedError, check_url
from jobs.settings import split_names
from jobs.status import Priority
from nst_engine.images.alpha import ALPHA
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.enums import Init
from nst_engine.spec.errors import ConfigError
from nst_engine.spec.film import FilmOptions
from nst_engine.spec.presets import resolve

JSON_PART = "params"
LISTS = ("style_blend", "layers_per_style", "scale_shares", "webhook_events")


class JobOptions(FilmOptions):
    """What a job takes in addition to the parameters of the run, the part of a film included."""

    output_format: Literal["png", "jpeg", "webp", "tiff", "mp4", "webm", "gif"] | None = Field(
        None,
        description="Format in which the result is stored. A picture: `png` (the default), `jpeg`, `webp` or `tiff`. "
        "A film: `mp4` (the default), `webm`, `gif` or `webp`.",
    )
    quality: int | None = Field(
        None, description="Quality of a film, 1 to 100. `gif` has none, and neither has a picture.", ge=1, le=100
    )
    alpha: str = Field(
        "keep",
        description="Transparent parts of the photo: `keep` gives the result the photo's transparency if its format "
        "has one (JPEG does not: white); `white` or `#rrggbb` puts them on a color.",
        pattern=f"^({ALPHA.pattern})$",
    )
    timelapse: bool = Field(False, description="Also make an animated WebP of the run.")
    priority: Priority = Field(Priority.INTERACTIVE, description="`batch` jobs wait for `interactive` ones.")
    webhook_url: str | None = Field(
        None,
        description="https:// URL to which the service POSTs when the job ends (Standard Webhooks).",
        max_length=2000,
    )

    webhook_events: Annotated[tuple[Literal["started", "preview", "completed"], ...], BeforeValidator(split_names)] = (
        Field(("completed",), description="Events that are sent to `webhook_url`.", min_length=1, max_length=3)
    )
    result_url: str | None = Field(
        None,
        description="https:// URL to which the service sends the finished picture with PUT, such as a presigned one.",
        max_length=2000,
    )

    @field_validator("webhook_url", "result_url", mode="after")
    @classmethod
    def _allowed_url(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None:
            try:
                check_url(value, allowed_hosts=info.context or ())
            except AddressRefusedError as error:
                raise ValueError(str(error)) from None
        return value


BLANK = "\ufeff \t\r\n"
OPTIONS = frozenset(field.alias or name for name, field in JobOptions.model_fields.items())


def read_pairs(entries: Sequence[Entry]) -> list[Pair]:
    """Return the parts of a form as names and values, those of the JSON part included.

    Empty fields count as left out, because the forms of browsers send every input.
    """
    pairs: list[Pair] = []
    has_json_part = False
    for name, value in entries:
        if isinstance(value, SavedFile):
            pairs.append((name, value))
        elif name == JSON_PART:
            if not value.strip(BLANK):
                continue
            if has_json_part:
                raise _invalid("#/params", "given more than once")
            has_json_part = True
            pairs += json_object(value, JSON_PART).items()
        elif value:
            pairs.append((name, value if name in FIELDS else _json_or_text(name, value)))
    return pairs


def parse_params(
    pairs: Sequence[Pair], *, webhook_hosts: Sequence[str], default_model: str, has_init_picture: bool = False
) -> tuple[StyleConfig, JobOptions]:
    """Read the parameters of a run and the options of a job; raises ProblemError naming each problem.

    A parameter that is not given has its preset's value; `default_model` replaces the network of the default preset.
    """
    values = _merge(pairs)
    given_options = {name: values.pop(name) for name in list(values) if name in OPTIONS}
    problems: list[InvalidField] = []
    options, config = JobOptions(), None
    try:
        options = JobOptions.model_validate(given_options, context=tuple(webhook_hosts))
    except ValidationError as error:
        problems += [_invalid_option(item) for item in error.errors(include_url=False)]
    try:
        config = _config(values, default_model, has_init_picture=has_init_picture)
    except ConfigError as error:
        problems += [InvalidField(pointer=pointer(p.field), detail=p.message) for p in error.problems] or [
            InvalidField(pointer="#", detail=error.message)
        ]
    if problems or config is None:
        raise invalid_parameters(*problems)
    return config, options


def _invalid_option(error: Mapping[str, Any]) -> InvalidField:
    name = ".".join(str(part) for part in error["loc"]) or str(error["ctx"]["field"])
    return InvalidField(pointer=pointer(name), detail=error["msg"].removeprefix("Value error, "))


def _config(values: dict[str, Any], default_model: str, *, has_init_picture: bool) -> StyleConfig:
    preset = values.pop("preset", "default")
    if not isinstance(preset, str):
        raise _invalid("#/preset", "not a name")
    if preset == "default":
        values.setdefault("model", default_model)  # the other presets name their network
    if has_init_picture:
        values.setdefault("init", Init.IMAGE)
    config = resolve(preset, values)
    if has_init_picture and config.init is not Init.IMAGE:
        raise _invalid("#/init", f"{config.init} does not go with a picture to start from; leave one of them out")
    if config.init is Init.IMAGE and not has_init_picture:
        raise _invalid("#/init", "send the picture to start from: a file, init_url or init_job")
    return config


def _merge(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Return the values by name; only a list may be given in several fields of the same name."""
    values_by_name: dict[str, list[Any]] = {}
    for name, value in pairs:
        values_by_name.setdefault(name, []).append(value)
    for name, found in values_by_name.items():
        if name in PARTS and name != INIT:
            raise _invalid(f"#/{name}", f"send a file, or its address as {name}_url")
        if len(found) > 1 and (name not in LISTS or not all(isinstance(value, str) for value in found)):
            raise _invalid(pointer(name[:80]), "given more than once")
    return {name: found if len(found) > 1 else found[0] for name, found in values_by_name.items()}


def _json_or_text(name: str, text: str) -> Any:
    """Decode objects and lists, which some clients send as JSON; other values are parsed by their field."""
    if not text.startswith(("{", "[")):
        return text
    try:
        return json.loads(text, object_pairs_hook=_unique_names)
    except _AmbiguousJsonError as error:
        raise _invalid(pointer(name[:80]), str(error)) from None
    except (ValueError, RecursionError):
        return text


def json_object(text: str, what: str) -> dict[str, Any]:
    """Decode a JSON object; raises ProblemError, in which `what` names the text."""
    try:
        value = json.loads(
            text.removeprefix("\ufeff"), object_pairs_hook=_unique_names, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, _AmbiguousJsonError) else "not valid JSON"
        errors = [InvalidField(pointer=f"#/{what}", detail=reason)]
        raise ProblemError(400, "params_malformed", f"{what}: {reason}", errors=errors) from None
    if not isinstance(value, dict):
        raise _invalid(f"#/{what}", "not a JSON object")
    return value


class _AmbiguousJsonError(ValueError):
    """JSON that parsers interpret differently."""


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise _AmbiguousJsonError("a name is given more than once")
    return values


def _refuse_constant(name: str) -> Any:
    raise _AmbiguousJsonError(f"{name} is not a number")


def _invalid(place: str, detail: str) -> ProblemError:
    return invalid_parameters(InvalidField(pointer=place, detail=detail))
