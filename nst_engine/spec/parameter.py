"""One parameter of a run: its default, group, description and bounds; loads no torch."""

from __future__ import annotations

from typing import Any

from pydantic import Field


def parameter(default: Any, group: str, description: str, **bounds: Any) -> Any:
    """Return the field of a parameter; help and docs list it under `group`."""
    return Field(default=default, description=description, json_schema_extra={"group": group}, **bounds)
