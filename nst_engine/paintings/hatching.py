"""Ink hatching: a still life of spheres on drapery, shaded by crossing pen lines."""

import numpy as np
from PIL import Image, ImageDraw

from nst_engine.paintings.brush import follow, scatter
from nst_engine.paintings.color import Colors, mix, palette
from nst_engine.paintings.noise import Field, coordinates, fbm, sample, smoothstep

PAPER, INK = palette("#f4ead2", "#231a16")
# Each sphere: x, y, radius.
SPHERES = ((0.34, 0.42, 0.21), (0.67, 0.55, 0.17), (0.47, 0.72, 0.11), (0.80, 0.30, 0.09), (0.15, 0.70, 0.08))
# Each layer of lines: turned by, drawn where it is darker than, how many, how long.
LAYERS = ((0.0, 0.10, 5200, 0.085), (0.9, 0.34, 4600, 0.07), (-0.8, 0.55, 4200, 0.06), (1.6, 0.74, 4200, 0.05))


def paint(size: int, rng: np.random.Generator) -> Colors:
    """Paint the picture, (S, S, 3)."""
    dark, form = still_life(size, rng)
    scale = 3 * size
    drawing = Image.new("L", (scale, scale), 0)
    pen = ImageDraw.Draw(drawing)
    for turn, darker, count, length in LAYERS:
        start = scatter(rng, count)
        tone = sample(dark, start)
        drawn = rng.random(len(start)) < np.clip((tone - darker) * 6 + 0.3, 0, 1)
        paths = follow(form + turn, start[drawn], length=length, steps=8)
        paths = paths + rng.normal(0, 0.0006, paths.shape)
        widths = scale * 0.0009 * (0.7 + 1.5 * np.clip(tone[drawn], 0, 1))
        for path, width in zip((paths * scale).reshape(len(paths), -1).tolist(), widths.tolist(), strict=True):
            pen.line(path, fill=235, width=max(1, round(width)))
    ink = np.asarray(drawing.resize((size, size), Image.Resampling.BOX), np.float32) / 255
    paper = PAPER * (1 + 0.025 * fbm(rng, size, cells=50, octaves=3, gain=0.8))[..., None]
    blot = smoothstep(0.93, 1.05, dark + 0.04 * fbm(rng, size, cells=30, octaves=3))
    return mix(paper, INK, np.clip(ink + blot, 0, 1) * 0.94)


def still_life(size: int, rng: np.random.Generator) -> tuple[Field, Field]:
    """Return how dark each place is and which way its form runs, both (S, S)."""
    x, y = coordinates(size)
    folds = 0.75 * fbm(rng, size, cells=2, octaves=2) + 5 * x + 2.2 * y
    dark = 0.42 + 0.34 * np.sin(folds * 2.6) + 0.10 * (y - 0.5)
    down, right = np.gradient(folds)
    form = np.arctan2(down, right) + np.pi / 2 + 0.35 * np.sin(folds * 2.6)
    for cx, cy, radius in SPHERES:
        shadow = np.hypot((x - cx - 0.55 * radius) / 1.25, (y - cy - 0.72 * radius) / 0.62)
        dark = dark + 0.75 * smoothstep(1.15 * radius, 0.55 * radius, shadow)
    for cx, cy, radius in sorted(SPHERES, key=lambda sphere: sphere[1]):
        dx, dy = (x - cx) / radius, (y - cy) / radius
        far = dx * dx + dy * dy
        up = np.sqrt(np.clip(1 - far, 0, 1))
        lit = np.clip(-0.55 * dx - 0.6 * dy + 0.58 * up, -0.3, 1)
        shade = np.clip(0.86 - 0.95 * lit - 0.25 * smoothstep(0.75, 1.0, far) * (dx + dy > 0.6), 0, 1)
        shade = np.where(far > 0.955, 1.0, shade)
        dark = np.where(far < 1, shade, dark)
        form = np.where(far < 1, np.arctan2(dy, dx) + np.pi / 2, form)
    return dark, form
