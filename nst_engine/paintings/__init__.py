"""The built-in styles: pictures painted by code."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType, ModuleType

import numpy as np
from PIL import Image

from nst_engine.paintings import discs, dots, flow, glass, hatching, marbling, mosaic, wash, waves, woodcut
from nst_engine.paintings.color import Colors
from nst_engine.spec.errors import ConfigError, Problem


@dataclass(frozen=True, kw_only=True)
class Painting:
    """A built-in style. `painter` takes a size and a random generator and returns colors (S, S, 3)."""

    name: str
    title: str
    summary: str
    painter: Callable[[int, np.random.Generator], Colors]


def _painting(name: str, title: str, module: ModuleType) -> Painting:
    return Painting(name=name, title=title, summary=(module.__doc__ or "").strip(), painter=module.paint)


GALLERY = (
    _painting("flow-strokes", "Night wind", flow),
    _painting("stained-glass", "Rose window", glass),
    _painting("woodcut", "Red sun", woodcut),
    _painting("pointillism", "River at sunset", dots),
    _painting("watercolour", "Wet paper", wash),
    _painting("waves", "Printed sea", waves),
    _painting("mosaic", "Stone fans", mosaic),
    _painting("ink-hatching", "Still life in ink", hatching),
    _painting("discs", "Simultaneous discs", discs),
    _painting("marbling", "Marbled paper", marbling),
)
STYLES: Mapping[str, Painting] = MappingProxyType({painting.name: painting for painting in GALLERY})
SMALLEST, LARGEST = 16, 4096


def paint(name: str, size: int = 512, seed: int = 0) -> Image.Image:
    """Paint a built-in style as an RGB picture of `size` x `size` pixels. The same seed gives the same picture.

    Raises ConfigError if the name is unknown or the size is out of bounds.
    """
    if name not in STYLES:
        raise _error("style_name", f"no style is called {name!r}; there are {', '.join(STYLES)}")
    if not SMALLEST <= size <= LARGEST:
        raise _error("size", f"a style is painted at {SMALLEST} to {LARGEST} pixels, not {size}")
    colors = STYLES[name].painter(size, np.random.default_rng(seed))
    return Image.fromarray((np.clip(colors, 0, 1) * 255 + 0.5).astype(np.uint8), "RGB")


def _error(field: str, message: str) -> ConfigError:
    return ConfigError(message, (Problem(field=field, message=message),))
