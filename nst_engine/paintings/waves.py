"""A printed sea: rows of leaning waves in blues, with lines along them and white claws of foam."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from nst_engine.paintings.color import Colors, palette
from nst_engine.paintings.noise import coordinates, fbm, smoothstep

PAPER, SAND, DEEP, BLUE, PALE, FOAM, LINE, SUN = palette(
    "#efe3c6", "#e0cda0", "#12305f", "#2c5f98", "#8fb6c9", "#f7f3e6", "#14213d", "#c9452f"
)
ROWS = 7
FULL = 2  # drawn at so many times the size


def _ink(color: Colors) -> tuple[int, int, int]:
    red, green, blue = (int(255 * c) for c in color)
    return red, green, blue


FOAM_INK, LINE_INK = _ink(FOAM), _ink(LINE)


def paint(size: int, rng: np.random.Generator) -> Colors:
    """Paint the picture, (S, S, 3)."""
    x, y = coordinates(size * FULL)
    sky = PAPER + (SAND - PAPER) * smoothstep(0.42, 0.0, y)[..., None]
    sun = np.hypot(x - 0.70, y - 0.17)
    sky = sky + (SUN - sky) * smoothstep(0.102, 0.100, sun)[..., None]
    picture = Image.fromarray((sky * 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for row in range(ROWS):
        part = row / (ROWS - 1)
        sea_row(draw, rng, base=0.36 + 0.60 * part**1.15, part=part)
    small = np.asarray(picture.resize((size, size), Image.Resampling.BOX), np.float32) / 255
    grain = 1 + 0.035 * fbm(rng, size, cells=40, octaves=3, gain=0.8)
    return small * grain[..., None]


def sea_row(draw: ImageDraw.ImageDraw, rng: np.random.Generator, *, base: float, part: float) -> None:
    """Print one row of waves over what lies behind it."""
    length = 0.20 + 0.30 * part
    height = 0.05 + 0.15 * part
    phase = rng.uniform(0, 1)
    swell = rng.uniform(0.75, 1.2, 16)
    tones = (BLUE, DEEP) if rng.random() < 0.5 else (DEEP, BLUE)
    outline = crest(length, height, phase, swell, base)
    scale = draw.im.size[0]
    body = [*outline, (1.3, 1.3), (-0.3, 1.3)]
    draw.polygon(_pixels(body, scale), fill=_ink(tones[0]))
    for stripe in range(1, 7):
        drop = stripe * height * 0.20
        lower = crest(length, height * (1 - 0.10 * stripe), phase + 0.008 * stripe, swell, base + drop)
        color = (PALE, tones[0], tones[1], PALE, tones[1], tones[0])[stripe - 1]
        draw.polygon(_pixels([*lower, (1.3, 1.3), (-0.3, 1.3)], scale), fill=_ink(color))
        draw.line(_pixels(lower, scale), fill=_ink(LINE), width=max(1, round(0.0016 * scale)))
    foam(draw, rng, outline, height)
    draw.line(_pixels(outline, scale), fill=_ink(LINE), width=max(1, round(0.0035 * scale)), joint="curve")


def crest(
    length: float, height: float, phase: float, swell: NDArray[np.floating], base: float
) -> list[tuple[float, float]]:
    """Draw a row of trochoids that lean over to the left, as points from left to right."""
    turn = np.arange(-0.4 / length, 1.4 / length, 0.012)
    angle = 2 * np.pi * (turn + phase)
    size = np.interp(turn + phase, np.arange(-8, 8) + 0.5, swell)
    rise = (0.5 - 0.5 * np.cos(angle)) ** 1.6
    x = turn * length - length * (0.10 * np.sin(angle) + 0.34 * rise**3 * size)
    y = base - height * size * rise
    return list(zip(x.tolist(), y.tolist(), strict=True))


def foam(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, outline: list[tuple[float, float]], height: float
) -> None:
    """Hang claws of foam under each crest, and spray above it."""
    scale = draw.im.size[0]
    points = np.array(outline)
    tops = np.flatnonzero((points[1:-1, 1] <= points[:-2, 1]) & (points[1:-1, 1] < points[2:, 1])) + 1
    for top in tops.tolist():
        for step in range(-11, 12):
            left, above = outline[min(max(top + step, 0), len(outline) - 1)]
            reach = height * 0.30 * math.exp(-((step / 9) ** 2))
            for _ in range(3):
                dx, dy = rng.normal(0, 0.35, 2).tolist()
                x, y = left + dx * reach - 0.25 * reach, above + dy * reach + 0.45 * reach
                _disc(draw, x, y, reach * rng.uniform(0.16, 0.34), scale, outline=LINE_INK)
        left, above = outline[top]
        for _ in range(14):
            dx, dy = rng.normal(0, 1, 2).tolist()
            x, y = left + dx * (0.5 * height) - 0.3 * height, above + dy * (0.28 * height) - 0.45 * height
            _disc(draw, x, y, height * rng.uniform(0.012, 0.035), scale)


def _disc(
    draw: ImageDraw.ImageDraw, x: float, y: float, r: float, scale: int, outline: tuple[int, int, int] | None = None
) -> None:
    box = (scale * (x - r), scale * (y - r), scale * (x + r), scale * (y + r))
    draw.ellipse(box, fill=FOAM_INK, outline=outline, width=max(1, round(0.0012 * scale)))


def _pixels(points: list[tuple[float, float]], scale: int) -> list[tuple[float, float]]:
    return [(x * scale, y * scale) for x, y in points]
