"""The parameters of a job: one JSON part or plain form fields, checked against the engine's own bounds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from api.problems import InvalidField, ProblemError, pointer
from api.submission.multipart import FILE_PARTS, Form
from jobs.status import Priority
from jobs.webhooks.url_guard import AddressRefusedError, check_url
from nst_engine.paintings import STYLES
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.errors import ConfigError
from nst_engine.spec.presets import resolve

JSON_PART = "params"
LISTS = ("style_blend", "scale_shares")


class JobOptions(BaseModel):
    """What a job may be given beside the parameters of the run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    style_name: str | None = Field(
        None, description="A built-in style (GET /v1/styles) instead of a style picture.", max_length=40
    )
    output_format: Literal["png", "jpeg", "webp", "tiff"] = Field("png", description="Format the result is kept in.")
    timelapse: bool = Field(False, description="Also make an animated WebP of the run.")
    priority: Priority = Field(Priority.INTERACTIVE, description="batch gives way to interactive jobs.")
    webhook_url: str | None = Field(
        None, description="https:// address that is told when the job has ended (Standard Webhooks).", max_length=2000
    )

    @field_validator("style_name", mode="after")
    @classmethod
    def _known_style(cls, value: str | None) -> str | None:
        if value is not None and value not in STYLES:
            raise ValueError(f"no such style; one of {', '.join(STYLES)}")
        return value

    @field_validator("webhook_url", mode="after")
    @classmethod
    def _web_address(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None:
            try:
                check_url(value, allowed_hosts=info.context or ())
            except AddressRefusedError as error:
                raise ValueError(str(error)) from None
        return value


@dataclass(frozen=True, kw_only=True)
class Params:
    """Complete, checked parameters."""

    config: StyleConfig
    options: JobOptions


def parse(form: Form, *, webhook_hosts: Sequence[str] = (), default_model: str = "lite") -> Params:
    """Check everything in a form but its files; raises ProblemError naming each wrong field."""
    values = _values(form)
    chosen = {name: values.pop(name) for name in list(values) if name in JobOptions.model_fields}
    problems: list[InvalidField] = []
    options, config = JobOptions(), None
    try:
        options = JobOptions.model_validate(chosen, context=tuple(webhook_hosts))
    except ValidationError as error:
        problems += [_invalid(item["loc"], item["msg"]) for item in error.errors(include_url=False)]
    try:
        config = _config(values, default_model)
    except ConfigError as error:
        problems += [InvalidField(pointer=pointer(p.field), detail=p.message) for p in error.problems] or [
            InvalidField(pointer="#", detail=error.message)
        ]
    if problems or config is None:
        raise invalid(*problems)
    return Params(config=config, options=options)


def invalid(*problems: InvalidField) -> ProblemError:
    """Make the refusal of wrong parameters."""
    detail = "; ".join(f"{problem.pointer.removeprefix('#/')}: {problem.detail}" for problem in problems[:3])
    return ProblemError(422, "invalid_parameters", detail or "the parameters are not valid", errors=problems)


def _config(values: dict[str, Any], default_model: str) -> StyleConfig:
    preset = values.pop("preset", "default")
    if not isinstance(preset, str):
        raise invalid(InvalidField(pointer="#/preset", detail="not a name"))
    if preset == "default":
        values.setdefault("model", default_model)  # the other presets were made for a network of their own
    config = resolve(preset, values)
    if config.init == "image":
        raise invalid(InvalidField(pointer="#/init", detail="a job starts from its content, its style or noise"))
    return config


def _values(form: Form) -> dict[str, Any]:
    """Join the JSON part and the plain fields; a name may be given once, but a list field by field."""
    plain: dict[str, list[str]] = {}
    for name, text in form.fields:
        plain.setdefault(name, []).append(text)
    parts = plain.pop(JSON_PART, [])
    if len(parts) > 1:
        raise invalid(InvalidField(pointer="#/params", detail="given more than once"))
    values = dict(_json_object(parts[0])) if parts else {}
    for name, texts in plain.items():
        if name in values or (len(texts) > 1 and name not in LISTS):
            raise invalid(InvalidField(pointer=pointer(name[:80]), detail="given more than once"))
        values[name] = texts if len(texts) > 1 else _plain(texts[0])
    for name in FILE_PARTS:
        if name in values:
            raise invalid(InvalidField(pointer=f"#/{name}", detail="is a file, not a parameter"))
    return values


def _plain(text: str) -> Any:
    """Read objects and lists, which some clients send as JSON; leave everything else to the field's own reading."""
    if not text.startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _json_object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, _NotPlainError) else "not valid JSON"
        raise ProblemError(
            400, "params_malformed", f"params: {reason}", errors=[InvalidField(pointer="#/params", detail=reason)]
        ) from None
    if not isinstance(value, dict):
        raise invalid(InvalidField(pointer="#/params", detail="not a JSON object"))
    return value


class _NotPlainError(ValueError):
    """JSON that parsers read differently."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _NotPlainError("a name is given more than once")
    return found


def _refuse_constant(name: str) -> Any:
    raise _NotPlainError(f"{name} is not a number")


def _invalid(place: tuple[str | int, ...], message: str) -> InvalidField:
    name = ".".join(str(part) for part in place)
    return InvalidField(pointer=pointer(name), detail=message.removeprefix("Value error, "))
