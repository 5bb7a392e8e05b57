"""Watercolor: transparent washes that bloom, pool at their edges and settle in the paper's grain."""

import numpy as np

from nst_engine.paintings.color import Colors, palette
from nst_engine.paintings.noise import Field, coordinates, fbm, smoothstep

PIGMENTS = palette("#1f4fa0", "#2aa5b8", "#e0457b", "#f2a12e", "#6b3fa0", "#3f9a56", "#d9402b")
PAPER = palette("#fbf8f0")[0]
# Each wash: x, y, radius, stretch sideways, pigment, strength.
WASHES = (
    (0.50, 0.10, 0.24, 2.4, 0, 0.50), (0.22, 0.30, 0.20, 1.3, 1, 0.55), (0.80, 0.26, 0.17, 1.2, 2, 0.55),
    (0.62, 0.40, 0.15, 1.9, 3, 0.65), (0.28, 0.56, 0.16, 1.7, 4, 0.45), (0.84, 0.62, 0.17, 1.1, 0, 0.55),
    (0.55, 0.74, 0.18, 1.8, 5, 0.55), (0.14, 0.84, 0.16, 1.3, 1, 0.60), (0.44, 0.42, 0.08, 1.0, 6, 0.80),
    (0.86, 0.90, 0.13, 1.4, 4, 0.55), (0.64, 0.57, 0.07, 1.3, 2, 0.75), (0.18, 0.44, 0.06, 1.0, 3, 0.85),
    (0.40, 0.93, 0.10, 1.6, 3, 0.55),
)  # fmt: skip


def paint(size: int, rng: np.random.Generator) -> Colors:
    """Paint the picture, (S, S, 3)."""
    grain = fbm(rng, size, cells=90, octaves=2, gain=0.6)
    warp = fbm(rng, size, cells=5, octaves=5, gain=0.6), fbm(rng, size, cells=5, octaves=5, gain=0.6)
    light = np.ones((size, size, 3)) * PAPER
    for x, y, radius, stretch, pigment, strength in WASHES:
        shifted = (x + rng.normal(0, 0.02), y + rng.normal(0, 0.02))
        layer = wash(size, rng, warp, center=shifted, radius=radius, stretch=stretch)
        density = strength * layer * (1 + 0.16 * grain * smoothstep(0.1, 0.5, layer))
        light *= np.exp(np.log(PIGMENTS[pigment] * 0.94 + 0.04) * density[..., None])
    for _ in range(60):
        x, y, radius = rng.random(), rng.random(), 0.002 + 0.010 * rng.random() ** 4
        light *= np.exp(np.log(PIGMENTS[rng.integers(7)] * 0.9 + 0.05) * splash(size, x, y, radius)[..., None])
    return light * (1 + 0.02 * grain[..., None])


def wash(
    size: int,
    rng: np.random.Generator,
    warp: tuple[Field, Field],
    *,
    center: tuple[float, float],
    radius: float,
    stretch: float,
) -> Field:
    """Let one wash run and dry: how much pigment lies where, (S, S)."""
    x, y = coordinates(size)
    edge = fbm(rng, size, cells=4, octaves=5, gain=0.62)
    dx = (x - center[0] + 0.05 * warp[0]) / stretch
    dy = y - center[1] + 0.05 * warp[1]
    inside = radius - np.hypot(dx, dy) + 0.045 * edge
    body = smoothstep(-0.004, 0.006, inside)
    rim = np.exp(-np.maximum(inside, 0) / 0.006)
    bloom = 0.5 + 0.38 * fbm(rng, size, cells=3, octaves=3)
    # A backrun: water pushed into a half-dry wash leaves a second, frayed edge.
    second = inside - radius * 0.45 + 0.03 * warp[1]
    backrun = np.exp(-np.abs(second) / 0.008) * (second > 0) * 0.5 - 0.22 * smoothstep(0, 0.05, second)
    return np.clip(body * (0.45 + 0.5 * np.clip(bloom, 0, 1) + 0.75 * rim + backrun), 0, 2)


def splash(size: int, x: float, y: float, radius: float) -> Field:
    """Drop one splash of paint, (S, S)."""
    at_x, at_y = coordinates(size)
    inside = radius - np.hypot(at_x - x, at_y - y)
    return smoothstep(-0.001, 0.001, inside) * (0.5 + 0.5 * np.exp(-np.maximum(inside, 0) / 0.002))
