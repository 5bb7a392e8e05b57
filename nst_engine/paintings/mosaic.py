"""Mosaic: stone tiles laid in fans, in sea and earth colors with a little gold."""

import numpy as np

from nst_engine.paintings.color import Colors, mix, palette, ramp, relief
from nst_engine.paintings.noise import Field, coordinates, fbm, smoothstep

GROUT = palette("#cfc4ad")[0]
GOLD = palette("#e8b730")[0]
# One palette a fan, from its middle to its rim.
STONES = (
    palette("#f2e2b6", "#e2a63a", "#c9572b", "#7d2a26"),
    palette("#eef2dc", "#6cc1b8", "#1f7f8c", "#12405f"),
    palette("#f6e7c8", "#d98a4a", "#8c3f2e", "#3c2430"),
    palette("#e9f0e4", "#8fb8d6", "#3f6fae", "#20305f"),
    palette("#f3eed6", "#a9bf6a", "#4f7f45", "#1f4a3c"),
)
ROWS = 5
TILE = 0.0205  # a tile's side, as a part of the picture's


def paint(size: int, rng: np.random.Generator) -> Colors:
    """Paint the picture, (S, S, 3)."""
    x, y = coordinates(size)
    bend = 0.0032
    x, y = x + bend * fbm(rng, size, cells=14, octaves=2), y + bend * fbm(rng, size, cells=14, octaves=2)
    fan, far, around, inside, span = fans(x, y, rng)
    ring = np.floor(far / TILE)
    count = np.maximum(np.round((ring + 0.5) * 2 * np.pi * 0.92), 3)
    along = (around / (2 * np.pi) + hashed(fan * 37 + ring * 11)) % 1 * count
    tile = hashed(fan * 131.7 + ring * 17.3 + np.floor(along) * 3.1)
    edge = np.minimum(middle(far / TILE) * TILE, middle(along) * (ring + 0.5) * TILE * 2 * np.pi / count)
    edge = np.minimum(edge, np.maximum(inside, 0))
    picture = np.zeros((size, size, 3), np.float32)
    for number, stones in enumerate(STONES):
        part = np.clip(ring * TILE / span + (tile - 0.5) * 0.30, 0, 1)
        picture = np.where((fan % len(STONES) == number)[..., None], ramp(stones, part), picture)
    picture = picture * (0.80 + 0.42 * hashed(tile * 917.0))[..., None]
    picture = mix(picture, GOLD * (0.9 + 0.25 * hashed(tile * 53.0))[..., None], (tile > 0.955).astype(np.float32))
    stone = fbm(rng, size, cells=60, octaves=3, gain=0.8)
    bevel = smoothstep(0.0012, 0.0045, edge)
    picture = picture * (1 + 0.05 * stone)[..., None] * relief(bevel, 0.9)[..., None]
    grout = GROUT * (0.62 + 0.07 * stone)[..., None]
    return grout + (picture - grout) * smoothstep(0.0010, 0.0024, edge)[..., None]


def fans(x: Field, y: Field, rng: np.random.Generator) -> tuple[Field, Field, Field, Field, float]:
    """Lay overlapping discs like scales, lower ones on top: number, distance, angle, depth inside, radius of a disc."""
    step = 1.0 / (ROWS - 1)
    radius = 0.72 * step
    fan, far, around, inside = (np.zeros_like(x) for _ in range(4))
    order = rng.permutation(4 * ROWS * ROWS)
    number = 0
    for row in range(-1, 2 * ROWS + 1):
        for column in range(-1, ROWS + 1):
            cx, cy = (column + 0.5 * (row % 2)) * step, row * step / 2
            distance = np.hypot(x - cx, y - cy)
            covers = distance < radius
            inside = np.where(covers, radius - distance, np.minimum(inside, np.abs(distance - radius)))
            fan = np.where(covers, order[number % len(order)], fan)
            far, around = np.where(covers, distance, far), np.where(covers, np.arctan2(y - cy, x - cx), around)
            number += 1
    return fan, far, around, inside, radius


def middle(value: Field) -> Field:
    """Measure how far a number is from the next whole one."""
    return 0.5 - np.abs(value % 1 - 0.5)


def hashed(value: Field) -> Field:
    """Turn numbers into random-looking ones in [0, 1), equal for equal."""
    return np.modf(np.abs(np.sin(np.asarray(value, np.float64) * 12.9898 + 4.1) * 43758.5453))[0].astype(np.float32)
