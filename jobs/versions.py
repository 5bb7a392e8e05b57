"""Releases, and which is newer: API and workers one minor version apart work together."""

from __future__ import annotations

import re

from nst_engine.version import __version__

NUMBER = re.compile(r"(\d+)\.(\d+)")
CURRENT = __version__


def rank(release: str) -> int:
    """Return a number that grows with major and minor version; a text that is no release counts as the oldest."""
    found = NUMBER.match(release)
    return 0 if found is None else int(found[1]) * 1000 + int(found[2])


def name_of(number: int) -> str:
    """Return the release of a rank, as 1.4."""
    return f"{number // 1000}.{number % 1000}"
