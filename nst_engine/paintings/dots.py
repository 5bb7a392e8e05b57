"""Pointillism: a river at sunset, in dots of pure color that mix in the eye."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from nst_engine.paintings.brush import scatter
from nst_engine.paintings.color import Colors, mix, palette, ramp
from nst_engine.paintings.noise import coordinates, fbm, sample, smoothstep

SKY = palette("#3f6fb5", "#7fa8d8", "#f3c9a0", "#ffd86b", "#ff9e4a")
WATER = palette("#ff9e4a", "#f0c98a", "#6fa6c8", "#2f5fa0", "#27407f")
LEAVES = palette("#173f35", "#2f7d3b", "#8fb339", "#e0cf4a")
EARTH = palette("#5a3d78", "#b5533c", "#e39b52")
SUN = palette("#fff6c2")[0]
# From broad to fine: dots, radius as a part of the side.
LAYERS = ((2500, 0.0135), (9000, 0.0068), (9000, 0.0048))


def paint(size: int, rng: np.random.Generator) -> Colors:
    """Paint the picture, (S, S, 3)."""
    scene = landscape(size, rng)
    scale = 3 * size
    picture = Image.new("RGB", (scale, scale), (236, 226, 205))
    draw = ImageDraw.Draw(picture)
    for count, radius in LAYERS:
        points = scatter(rng, count)
        tint = split(sample(scene, points), rng)
        radii = radius * rng.uniform(0.7, 1.15, count * 2)
        for (x, y), color, r in zip((points * scale).tolist(), tint.tolist(), (radii * scale).tolist(), strict=False):
            draw.ellipse((x - r, y - r, x + r, y + r), fill=tuple(color))
    return np.asarray(picture.resize((size, size), Image.Resampling.BOX), np.float32) / 255


def split(tint: Colors, rng: np.random.Generator) -> NDArray[np.integer]:
    """Replace each color by a purer one near it, and some by its complement, as 0 to 255."""
    gray = tint.mean(-1, keepdims=True)
    pure = gray + (tint - gray) * rng.uniform(1.0, 2.0, (len(tint), 1)) + rng.normal(0, 0.07, tint.shape)
    opposite = gray - (tint - gray) * 1.1 + 0.06
    pure = np.where(rng.random((len(tint), 1)) < 0.13, opposite, pure)
    return (np.clip(pure, 0, 1) * 255).astype(int)


def landscape(size: int, rng: np.random.Generator) -> Colors:
    """Lay out the scene: sky, sun, water with its light, two banks, trees."""
    x, y = coordinates(size)
    cloud = fbm(rng, size, cells=3, octaves=4)
    picture = ramp(SKY, np.clip(y / 0.46 + 0.10 * cloud, 0, 1))
    sun = np.hypot(x - 0.36, y - 0.33)
    picture = mix(picture, SUN, np.exp(-((sun / 0.10) ** 2)))
    ripple = 0.06 * fbm(rng, size, cells=6, octaves=2) * np.sin(120 * y)
    water = ramp(WATER, np.clip((y - 0.46) / 0.5 + ripple, 0, 1))
    water = mix(water, SUN, np.exp(-(((x - 0.36 + ripple) / (0.02 + 0.12 * (y - 0.4))) ** 2)) * 0.85)
    picture = mix(picture, water, smoothstep(0.455, 0.462, y))
    hills = ramp(palette("#6f7fb8", "#8a6fa8"), y * 2) * 1.0
    picture = mix(
        picture, hills, smoothstep(0, 0.01, y - 0.43 + 0.03 * np.sin(7 * x + 1)) * smoothstep(0.462, 0.455, y)
    )
    bank = y - (0.98 - 0.42 * smoothstep(0.45, 1.05, x) + 0.01 * cloud)
    picture = mix(picture, ramp(EARTH, np.clip(0.5 + 0.3 * cloud + bank, 0, 1)), smoothstep(0, 0.015, bank))
    for cx, cy, wide, tall in ((0.83, 0.27, 0.20, 0.25), (0.98, 0.40, 0.16, 0.2), (0.05, 0.40, 0.10, 0.09)):
        crown = np.hypot((x - cx) / wide, (y - cy) / tall) + 0.16 * fbm(rng, size, cells=8, octaves=3)
        lit = np.clip(0.55 - 0.5 * (x - cx) / wide - 0.35 * (y - cy) / tall + 0.12 * cloud, 0, 1)
        trunk = (
            smoothstep(0.016, 0.010, np.abs(x - cx))
            * smoothstep(cy, cy + 0.02, y)
            * smoothstep(0.74, 0.72, y)
            * (cy < 0.39)
        )
        picture = mix(picture, EARTH[0] * 0.7, trunk)
        picture = mix(picture, ramp(LEAVES, lit), smoothstep(1.0, 0.9, crown))
    return picture
