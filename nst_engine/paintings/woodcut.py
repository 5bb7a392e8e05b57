"""A woodcut in three inks: carved lines follow the sky, the sun and the mountains."""

import numpy as np

from nst_engine.paintings.color import Colors, mix, palette
from nst_engine.paintings.noise import Field, coordinates, fbm, smoothstep

PAPER, INK, RED, BLUE = palette("#f3e6c8", "#1b1a1c", "#c8371f", "#2f6a86")
# Each ridge, far to near: height, roughness, lines a side, how dark.
RIDGES = ((0.47, 0.05, 46, 0.42), (0.58, 0.075, 38, 0.55), (0.72, 0.07, 30, 0.68), (0.88, 0.05, 24, 0.8))


def paint(size: int, rng: np.random.Generator) -> Colors:
    """Paint the picture, (S, S, 3)."""
    x, y = coordinates(size)
    grain = fbm(rng, size, cells=24, octaves=4, gain=0.8)
    sun = np.hypot(x - 0.66, y - 0.27)
    wind = y * 34 + 1.3 * fbm(rng, size, cells=2, octaves=3) + 9 * np.exp(-(((sun - 0.05) / 0.22) ** 2))
    picture = np.broadcast_to(PAPER, (size, size, 3)).astype(np.float32)
    picture = mix(picture, BLUE, 0.9 * smoothstep(0.35, -0.12, y + 0.05 * grain))
    dark = np.clip(0.52 - 0.55 * y + 0.10 * fbm(rng, size, cells=3, octaves=2), 0.1, 0.8)
    picture = mix(picture, INK, carved(wind, dark, grain) * smoothstep(0.145, 0.15, sun))
    rays = carved(np.arctan2(y - 0.27, x - 0.66) * 60 / (2 * np.pi), np.clip(1.6 - sun * 8, 0.05, 0.5), grain)
    picture = mix(picture, INK, rays * smoothstep(0.152, 0.156, sun) * smoothstep(0.26, 0.2, sun))
    picture = mix(picture, RED, smoothstep(0.142, 0.138, sun + 0.0012 * grain))
    for number, (height, rough, lines, dark_most) in enumerate(RIDGES):
        picture = ridge(picture, rng, grain, height=height, rough=rough, lines=lines, dark=dark_most, number=number)
    print_wear = smoothstep(1.7, 2.3, fbm(rng, size, cells=60, octaves=2))
    return mix(picture, PAPER, 0.8 * print_wear)


def ridge(
    picture: Colors,
    rng: np.random.Generator,
    grain: Field,
    *,
    height: float,
    rough: float,
    lines: int,
    dark: float,
    number: int,
) -> Colors:
    """Print one range of mountains over what lies behind it."""
    size = len(grain)
    x, y = coordinates(size)
    crest = height + rough * peaks(rng, size)[None, :]
    depth = y - crest
    inside = smoothstep(-0.0015, 0.0015, depth)
    slope = np.gradient(crest[0]) * size
    face = np.tanh(2.0 * slope[None, :] + 0.8 * fbm(rng, size, cells=5, octaves=3))
    fall = x * lines * 0.9 + depth * lines * (0.9 * np.sign(face)) + 0.5 * fbm(rng, size, cells=4, octaves=3)
    shade = np.clip(dark * (0.55 + 0.5 * face) + 0.35 - 1.3 * depth, 0.05, 0.96)
    land = mix(np.broadcast_to(PAPER, picture.shape), BLUE if number % 2 == 0 else PAPER * 0.93, np.full_like(x, 0.65))
    land = mix(land, RED, 0.5 * smoothstep(0.06, 0.0, depth) * (number == 1))
    land = mix(land, INK, np.maximum(carved(fall, shade, grain), smoothstep(0.007, 0.004, depth)))
    return mix(picture, land, inside)


def peaks(rng: np.random.Generator, size: int) -> Field:
    """Draw a jagged skyline, (S,), between about -1 and 1."""
    at = np.linspace(0, 1, size)
    line = np.zeros(size)
    for octave, count in enumerate((5, 11, 23, 47)):
        line += np.interp(at, np.linspace(0, 1, count), rng.uniform(-1, 1, count)) * 0.5**octave
    return line


def carved(phase: Field, dark: Field, grain: Field) -> Field:
    """Cut lines where `phase` passes whole numbers: black remains where the blade did not go, (S, S)."""
    wave = np.abs((phase + 0.05 * grain) % 1 - 0.5) * 2
    soft = 0.12
    return smoothstep(-soft, soft, dark - wave + 0.05 * grain)
