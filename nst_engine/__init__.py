"""Neural style transfer as a library: `from nst_engine import stylize`.

Importing the package loads no torch; the names below load it when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nst_engine.config import StyleConfig as StyleConfig
    from nst_engine.networks import Network as Network
    from nst_engine.networks import load_network as load_network
    from nst_engine.presets import resolve as resolve
    from nst_engine.run import Step as Step
    from nst_engine.run import stylize as stylize
    from nst_engine.state import State as State

__version__ = "0.1.0"

_HOMES = {
    "Network": "nst_engine.networks",
    "State": "nst_engine.state",
    "Step": "nst_engine.run",
    "StyleConfig": "nst_engine.config",
    "load_network": "nst_engine.networks",
    "resolve": "nst_engine.presets",
    "stylize": "nst_engine.run",
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
