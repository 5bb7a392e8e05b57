"""The types of the parameters that are lists or mappings, which may also be written as text; loads no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field


def parse_layer_weights(value: object) -> object:
    """Read `conv1_1:1,conv2_1:0.5` or `conv1_1,conv2_1`; return mappings as they are."""
    if not isinstance(value, str):
        return value
    weights: dict[str, object] = {}
    for item in value.replace(" ", "").split(","):
        name, _, weight = item.partition(":")
        if name in weights:
            raise ValueError(f"{name} is given more than once")
        if item:
            weights[name] = weight or 1.0
    return weights


def split_by_style(value: object) -> object:
    """Split `relu1_1:1;relu4_1:1` into one text for each style; return sequences and None as they are."""
    if not isinstance(value, str):
        return value
    return tuple(value.split(";")) if value.strip() else None


def parse_numbers(value: object) -> object:
    """Read `3,1`; return sequences and None as they are."""
    if not isinstance(value, str):
        return value
    return tuple(item for item in value.replace(" ", "").split(",") if item) or None


def not_bool(value: object) -> object:
    """Refuse true and false, which Python takes for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("a number, not true or false")
    return value


Number = Annotated[float, BeforeValidator(not_bool)]
Weight = Annotated[Number, Field(ge=0, le=1e12)]
LayerWeights = Annotated[dict[str, Weight], BeforeValidator(parse_layer_weights)]
LayersPerStyle = Annotated[tuple[LayerWeights, ...] | None, BeforeValidator(split_by_style)]
Blend = Annotated[tuple[Annotated[Number, Field(ge=0, le=1e6)], ...] | None, BeforeValidator(parse_numbers)]
Shares = Annotated[
    tuple[Annotated[Number, Field(gt=0, le=1e6)], ...], Field(min_length=1), BeforeValidator(parse_numbers)
]
