"""Neural style transfer as a library: `from nst_engine import stylize`.

Importing the package does not load torch. Each name below is imported when it is first used.
"""

from __future__ import annotations

import gc
from importlib import import_module
from typing import TYPE_CHECKING, Any

from nst_engine.version import __version__

if TYPE_CHECKING:
    from nst_engine.images.reading import read_picture as read_picture
    from nst_engine.networks.features import Network as Network
    from nst_engine.networks.features import load_network as load_network
    from nst_engine.paintings import paint as paint
    from nst_engine.run.loop import stylize as stylize
    from nst_engine.run.step import Step as Step
    from nst_engine.spec.config import StyleConfig as StyleConfig
    from nst_engine.spec.errors import CheckpointError as CheckpointError
    from nst_engine.spec.errors import ConfigError as ConfigError
    from nst_engine.spec.errors import DivergedError as DivergedError
    from nst_engine.spec.errors import EngineError as EngineError
    from nst_engine.spec.errors import MemoryLimitError as MemoryLimitError
    from nst_engine.spec.errors import PictureError as PictureError
    from nst_engine.spec.errors import WeightsError as WeightsError
    from nst_engine.spec.layers import NETWORKS as NETWORKS
    from nst_engine.spec.presets import PRESETS as PRESETS
    from nst_engine.spec.presets import resolve as resolve
    from nst_engine.state import State as State
    from nst_engine.tensors import to_picture as to_picture
    from nst_engine.tensors import to_tensor as to_tensor

_EXPORTS = {
    "nst_engine.images.reading": ("read_picture",),
    "nst_engine.networks.features": ("Network", "load_network"),
    "nst_engine.paintings": ("paint",),
    "nst_engine.run.loop": ("stylize",),
    "nst_engine.run.step": ("Step",),
    "nst_engine.spec.config": ("StyleConfig",),
    "nst_engine.spec.errors": (
        "CheckpointError",
        "ConfigError",
        "DivergedError",
        "EngineError",
        "MemoryLimitError",
        "PictureError",
        "WeightsError",
    ),
    "nst_engine.spec.layers": ("NETWORKS",),
    "nst_engine.spec.presets": ("PRESETS", "resolve"),
    "nst_engine.state": ("State",),
    "nst_engine.tensors": ("to_picture", "to_tensor"),
}
_MODULES = {name: module for module, names in _EXPORTS.items() for name in names}
__all__ = ["__version__", *_MODULES]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    collects = gc.isenabled()
    gc.disable()  # collecting garbage takes a tenth of the time in which torch is imported
    try:
        return getattr(import_module(_MODULES[name]), name)
    finally:
        if collects:
            gc.enable()
