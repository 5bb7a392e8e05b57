"""Simultaneous discs: rings of pure color, broken by the light into quarters."""

import numpy as np

from nst_engine.paintings.color import Colors, mix, palette, relief
from nst_engine.paintings.noise import Field, coordinates, fbm, smoothstep

COLORS = palette(
    "#d7263d",
    "#f46036",
    "#f9c80e",
    "#2e9e5b",
    "#1b998b",
    "#1f5fbf",
    "#2e294e",
    "#7b2d8b",
    "#f7ede2",
    "#e84a8a",
    "#17161c",
)
# Each disc: x, y, radius, rings, sectors.
DISCS = (
    (0.33, 0.36, 0.36, 7, 4), (0.78, 0.70, 0.33, 6, 4), (0.80, 0.18, 0.20, 5, 6), (0.20, 0.84, 0.22, 5, 4),
    (0.53, 0.93, 0.12, 4, 2), (0.56, 0.55, 0.10, 3, 4), (0.97, 0.42, 0.13, 4, 4), (0.06, 0.10, 0.12, 3, 2),
)  # fmt: skip


def paint(size: int, rng: np.random.Generator) -> Colors:
    """Paint the picture, (S, S, 3)."""
    x, y = coordinates(size)
    shake = 0.0014 * fbm(rng, size, cells=24, octaves=3)
    x, y = x + shake, y - shake
    brush = fbm(rng, size, cells=80, octaves=2, gain=0.9)
    picture = ground(x, y, rng)
    line = np.zeros_like(x)
    for cx, cy, radius, rings, sectors in DISCS:
        picture, line = disc(picture, line, x - cx, y - cy, rng, radius=radius, rings=rings, sectors=sectors)
    stroked = picture * (1 + 0.05 * brush)[..., None] * relief(0.06 * brush, 1.6)[..., None]
    return mix(stroked, COLORS[-1], 0.85 * line)


def ground(x: Field, y: Field, rng: np.random.Generator) -> Colors:
    """Cut the ground into slanted fields of color."""
    picture = np.broadcast_to(COLORS[8], (*x.shape, 3)).astype(np.float32)
    for _ in range(11):
        angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.35, 0.35)
        side = (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle) - offset
        band = smoothstep(0, 0.002, side) * smoothstep(0.30, 0.298, side)
        picture = mix(picture, COLORS[rng.integers(10)], band * rng.uniform(0.6, 1.0))
    return picture


def disc(
    picture: Colors,
    line: Field,
    dx: Field,
    dy: Field,
    rng: np.random.Generator,
    *,
    radius: float,
    rings: int,
    sectors: int,
) -> tuple[Colors, Field]:
    """Lay one disc over the picture, each sector of each ring in a color unlike its neighbors'."""
    far = np.hypot(dx, dy)
    turn = (np.arctan2(dy, dx) / (2 * np.pi) + rng.random() + 0.04 * np.sin(far * 18)) % 1
    inside = smoothstep(radius, radius - 0.002, far)
    borders = np.cumsum(rng.uniform(0.5, 1.4, rings))
    borders = borders / borders[-1] * radius
    ring = np.searchsorted(borders, far.ravel()).reshape(far.shape)
    sector = np.floor(turn * sectors).astype(int)
    chosen = np.stack([rng.permutation(len(COLORS))[:sectors] for _ in range(rings + 1)])
    tint = COLORS[chosen[np.minimum(ring, rings), sector % sectors]]
    blend = 0.86 + 0.28 * (turn * sectors % 1)  # each piece goes from darker to lighter
    edge = np.min([np.abs(far - border) for border in borders], axis=0)
    thin = smoothstep(0.0026, 0.0012, edge) * (rng.random() < 0.6)
    outline = smoothstep(0.0048, 0.003, np.abs(far - radius))
    line = np.maximum(line * (1 - inside), np.maximum(thin * inside, outline))
    return mix(picture, np.clip(tint * blend[..., None], 0, 1), inside), line
