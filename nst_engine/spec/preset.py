"""One preset: a named system as data; loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nst_engine.spec.config import StyleConfig


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A system by name: what it is in one line, where it comes from, and how exact the reproduction is."""

    name: str
    summary: str
    source: str
    exactness: str
    config: StyleConfig


def make_preset(name: str, summary: str, source: str, exactness: str, **values: Any) -> Preset:
    """Return a preset; values that are not given are the defaults of the parameters."""
    config = StyleConfig.checked({"preset": name, **values})
    return Preset(name=name, summary=summary, source=source, exactness=exactness, config=config)
