"""Thick oil strokes that swirl around suns in a night sky, over fields."""

import numpy as np

from nst_engine.paintings.brush import Brush, Canvas, follow, scatter
from nst_engine.paintings.color import Colors, mix, palette, ramp
from nst_engine.paintings.noise import Field, coordinates, fbm, sample, smoothstep

NIGHT = palette("#0b1540", "#14307c", "#1f57a8", "#3b8cc4", "#8cc6d8", "#d9e6c0")
EMBER = palette("#fff3b0", "#ffd23f", "#f79c1d", "#d8572a")
FIELD = palette("#0d2b2a", "#1d5c45", "#5c8a2f", "#c9a227", "#e3c565")
# Each sun: x, y, radius; each whirl: x, y, radius, turning sense.
SUNS = ((0.80, 0.17, 0.115), (0.20, 0.13, 0.055), (0.47, 0.33, 0.045), (0.08, 0.40, 0.04), (0.93, 0.47, 0.04))
WHIRLS = ((0.40, 0.24, 0.20, 1.0), (0.63, 0.40, 0.16, -1.0), (0.13, 0.62, 0.13, -1.0))
# From broad to fine: strokes, width, length.
LAYERS = ((500, 0.050, 0.22), (1500, 0.022, 0.12), (3600, 0.011, 0.075), (3000, 0.006, 0.05))


def paint(size: int, rng: np.random.Generator) -> Colors:
    """Paint the picture, (S, S, 3)."""
    suns = np.array(SUNS) + rng.normal(0, 0.012, (len(SUNS), 3)) * (1, 1, 0)
    whirls = np.array(WHIRLS) + rng.normal(0, 0.02, (len(WHIRLS), 4)) * (1, 1, 0, 0)
    ground = 0.70 + 0.05 * fbm(rng, size, cells=2, octaves=2) * 0.6
    angle = directions(size, rng, suns, whirls, ground)
    scene = colors(size, rng, suns, whirls, ground)
    canvas = Canvas(size, NIGHT[0])
    for count, width, length in LAYERS:
        start = scatter(rng, count)
        paths = follow(angle, start, length=length, steps=8)
        tint = sample(scene, start) + rng.normal(0, 0.045, (len(start), 3)).astype(np.float32)
        canvas.stroke(rng, paths, np.clip(tint, 0, 1), Brush(width=width, bristles=4 if width > 0.01 else 2))
    return canvas.finished(thickness=0.9)


def directions(size: int, rng: np.random.Generator, suns: Field, whirls: Field, ground: Field) -> Field:
    """Turn around each sun and whirl, drift sideways elsewhere, lie along the hills below."""
    x, y = coordinates(size)
    drift = 0.35 * fbm(rng, size, cells=3, octaves=2)
    east, south = np.cos(drift), np.sin(drift) + 0.15 * np.sin(9 * x)
    turning = [(*sun, 1.0, 1.7) for sun in suns] + [(*whirl, 1.0) for whirl in whirls]
    for cx, cy, radius, sense, reach in turning:
        dx, dy = x - cx, y - cy
        far = np.sqrt(dx * dx + dy * dy) + 1e-4
        pull = 3.0 * np.exp(-((far / (reach * radius)) ** 2))
        inward = 0.25 if reach == 1.0 else 0.0
        east += pull * (-dy * sense - inward * dx) / far
        south += pull * (dx * sense - inward * dy) / far
    sky = np.arctan2(south, east)
    land = 0.5 * fbm(rng, size, cells=4, octaves=2) + 0.6 * np.sin(7 * x)
    return np.where(y > ground, land, sky).astype(np.float32)


def colors(size: int, rng: np.random.Generator, suns: Field, whirls: Field, ground: Field) -> Colors:
    """Lay out the colors that the strokes pick up."""
    x, y = coordinates(size)
    light = 0.30 + 0.13 * fbm(rng, size, cells=4, octaves=4) + 0.25 * y
    for cx, cy, radius, sense in whirls:
        dx, dy = x - cx, y - cy
        far = np.sqrt(dx * dx + dy * dy)
        spiral = np.sin(sense * np.arctan2(dy, dx) * 2 + far * 55)
        light += 0.42 * spiral * np.exp(-((far / radius) ** 2))
    picture = ramp(NIGHT, np.clip(light, 0, 1))
    for cx, cy, radius in suns:
        far = np.hypot(x - cx, y - cy) / radius
        rings = 0.5 + 0.5 * np.cos(far * 9)
        halo = ramp(EMBER, np.clip(far / 1.9, 0, 1))
        picture = mix(picture, halo, np.exp(-((far / 1.25) ** 2)) * (0.7 + 0.3 * rings))
        picture = mix(picture, EMBER[0], smoothstep(0.62, 0.42, far))
    tone = 0.45 + 0.22 * fbm(rng, size, cells=5, octaves=3) + 0.9 * (y - ground) * (0.4 + np.sin(13 * x + 20 * y) * 0.6)
    return mix(picture, ramp(FIELD, np.clip(tone, 0, 1)), smoothstep(-0.012, 0.012, y - ground))
