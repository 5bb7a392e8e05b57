"""Marbled paper: inks dropped on water, drawn out with a comb and turned with a stylus."""

import numpy as np
from numpy.typing import NDArray

from nst_engine.paintings.color import Colors, palette
from nst_engine.paintings.noise import Field, coordinates, fbm, smoothstep

INKS = palette("#14213d", "#b3202c", "#f2c14e", "#f7efe0", "#1f7a8c", "#e07a5f", "#3d2c5e", "#7fb069")
# Each turn of the stylus: x, y, reach, how far it drags.
TURNS = ((0.30, 0.30, 0.16, 0.30), (0.72, 0.62, 0.18, -0.34), (0.78, 0.18, 0.10, 0.22), (0.22, 0.80, 0.12, -0.24))
DROPS = 70
FULL = 2  # painted at so many times the size


def paint(size: int, rng: np.random.Generator) -> Colors:
    """Paint the picture, (S, S, 3)."""
    x, y = coordinates(size * FULL)
    for cx, cy, reach, drag in TURNS:
        x, y = turned(x, y, cx + float(rng.normal(0, 0.02)), cy + float(rng.normal(0, 0.02)), reach, drag)
    x, y = combed(x, y, teeth=9, drag=0.10)
    y, x = combed(y, x, teeth=5, drag=0.16)
    ink, edge = dropped(x, y, rng)
    picture = INKS[ink] * (0.86 + 0.18 * smoothstep(0.0, 0.02, edge))[..., None]
    picture = picture.reshape(size, FULL, size, FULL, 3).mean((1, 3))
    fibre = fbm(rng, size, cells=70, octaves=2, gain=0.8)
    return picture * (1 + 0.025 * fibre)[..., None]


def turned(x: Field, y: Field, cx: float, cy: float, reach: float, drag: float) -> tuple[Field, Field]:
    """Undo a turn of the stylus around a point, so that what is drawn next appears turned."""
    dx, dy = x - cx, y - cy
    far = np.hypot(dx, dy) + 1e-4
    angle = drag / (0.10 + far) * np.exp(-((far / reach) ** 2)) * 2.2
    cos, sin = np.cos(angle), np.sin(angle)
    return cx + cos * dx - sin * dy, cy + sin * dx + cos * dy


def combed(x: Field, y: Field, *, teeth: int, drag: float) -> tuple[Field, Field]:
    """Undo the pull of a comb: each tooth drags what is near it along y, every second one back."""
    phase = x * teeth
    away = np.abs(phase % 1 - 0.5) * 2
    sense = 1 - 2 * (np.floor(phase) % 2)
    return x, y + sense * drag * (1 - away) ** 2


def dropped(x: Field, y: Field, rng: np.random.Generator) -> tuple[NDArray[np.integer], Field]:
    """Drop inks on the water, the last first, each pushing aside what was there: ink and distance to its edge."""
    ink, edge = np.full(x.size, -1), np.ones(x.size, np.float32)
    free, x, y, shape = np.arange(x.size), x.ravel(), y.ravel(), x.shape  # only what is not covered yet
    for _ in range(DROPS):
        cx, cy = (float(at) for at in rng.uniform(-0.1, 1.1, 2))
        radius, kind = float(rng.uniform(0.04, 0.13)), rng.integers(0, len(INKS))
        dx, dy = x - cx, y - cy
        square = dx * dx + dy * dy
        covered = np.flatnonzero(square < radius**2)
        ink[free[covered]] = kind
        edge[free[covered]] = radius - np.sqrt(square[covered])
        shrink = np.sqrt(np.maximum(1 - radius**2 / (square + 1e-9), 0))
        x, y = cx + dx * shrink, cy + dy * shrink
        if len(covered):
            rest = np.flatnonzero(square >= radius**2)
            free, x, y = free[rest], x[rest], y[rest]
    ink[free] = (np.floor((x + y) * 9) % len(INKS)).astype(int)
    return ink.reshape(shape), edge.reshape(shape)
