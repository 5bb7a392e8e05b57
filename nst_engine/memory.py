"""Whether a run fits into memory, and in which tiles."""

from __future__ import annotations

from nst_engine.config import StyleConfig
from nst_engine.networks import Network


def plan_tile(config: StyleConfig, network: Network, *, height: int, width: int) -> int | None:
    """Return the side of the tiles to compute in, or None for the whole picture at once."""
    return None
