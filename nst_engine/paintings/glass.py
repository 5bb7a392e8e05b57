"""Stained glass: panes in dark lead, glowing in rings around a rose."""

import numpy as np
from numpy.typing import NDArray

from nst_engine.paintings.color import Colors, palette, ramp, relief
from nst_engine.paintings.noise import Field, coordinates, fbm, smoothstep

RINGS = palette(
    "#ffe9a8", "#ffc21a", "#f0761c", "#d3202f", "#8e1b6d", "#43218f", "#143fa3", "#0b7fb0", "#0b8f6e", "#12562f"
)
LEAD = palette("#14130f")[0]
PANES = 300
GOLDEN_ANGLE = np.pi * (3 - 5**0.5)


def paint(size: int, rng: np.random.Generator) -> Colors:
    """Paint the picture, (S, S, 3)."""
    center = 0.5 + rng.normal(0, 0.03, 2)
    panes = places(rng, center)
    nearest, gap = cells(size, panes, 0.006 * fbm(rng, size, cells=10, octaves=2))
    far = np.hypot(*(panes - center).T)
    tint = ramp(RINGS, np.clip(far / 0.68 + rng.normal(0, 0.045, PANES), 0, 1))
    tint = np.clip(tint * rng.uniform(0.72, 1.25, (PANES, 1)), 0, 1)
    streaks = fbm(rng, size, cells=6, octaves=6, gain=0.8)
    x, y = coordinates(size)
    glow = 1.08 - 0.55 * np.hypot(x - center[0], y - center[1])
    light = glow * (1 + 0.10 * streaks) * (0.78 + 0.4 * smoothstep(0.004, 0.03, gap))
    glass = tint[nearest] * light[..., None]
    glass *= relief(0.25 * streaks, 0.5)[..., None]
    came = smoothstep(0.0085, 0.006, gap)
    metal = (
        LEAD * relief(smoothstep(0.0085, 0.0, gap) * 2.0, 2.5)[..., None] + 0.05 * smoothstep(0.004, 0, gap)[..., None]
    )
    return glass + (metal - glass) * came[..., None]


def places(rng: np.random.Generator, center: Field) -> Field:
    """Set the panes on a sunflower's spirals, denser inside, a little disturbed, (N, 2)."""
    n = np.arange(PANES)
    far = 0.78 * ((n + 0.3) / PANES) ** 0.62
    around = n * GOLDEN_ANGLE
    spiral = center + far[:, None] * np.stack([np.cos(around), np.sin(around)], -1)
    return spiral + rng.normal(0, 0.006, (PANES, 2)) * (0.3 + far[:, None] * 2)


def cells(size: int, panes: Field, bend: Field) -> tuple[NDArray[np.integer], Field]:
    """Return each pixel's nearest pane and how far it is from the border to the next one, both (S, S)."""
    x, y = coordinates(size)
    x, y = x + bend, y - bend
    first = np.full((size, size), np.inf, np.float32)
    second = first.copy()
    nearest = np.zeros((size, size), np.int64)
    for index, (px, py) in enumerate(panes):
        far = (x - np.float32(px)) ** 2 + (y - np.float32(py)) ** 2
        closer = far < first
        second = np.where(closer, first, np.minimum(second, far))
        first = np.where(closer, far, first)
        nearest[closer] = index
    return nearest, (np.sqrt(second) - np.sqrt(first)) / 2
