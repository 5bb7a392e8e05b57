"""A brush with bristles: strokes that follow a field of directions and leave color and relief."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from nst_engine.paintings.color import Colors, relief
from nst_engine.paintings.noise import Field, sample

Points = NDArray[np.floating]  # (..., 2), x and y in [0, 1]


def scatter(rng: np.random.Generator, count: int) -> Points:
    """Spread points evenly over the unit square, one in each cell of a grid, in random order."""
    side = int(np.ceil(count**0.5))
    cells = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2)
    points = (cells + rng.random(cells.shape)) / side * 1.04 - 0.02
    return rng.permutation(points).astype(np.float32)


def follow(angle: Field, start: Points, *, length: float, steps: int) -> Points:
    """Walk from each start (N, 2) along a field of angles, half the way back and half forward: (N, steps + 1, 2)."""
    half = steps // 2
    back, ahead = [start], [start]
    for path, sign in ((back, -1), (ahead, 1)):
        for _ in range(half):
            turn = sample(angle, path[-1])
            path.append(path[-1] + sign * length / steps * np.stack([np.cos(turn), np.sin(turn)], -1))
    return np.stack([*back[:0:-1], *ahead], 1).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Brush:
    """How wide a stroke is, as a part of the picture's side, of how many bristles, and how much each differs."""

    width: float
    bristles: int = 4
    variation: float = 0.05


class Canvas:
    """A picture in the making, at twice its size, with the height of the paint beside it."""

    def __init__(self, size: int, ground: Colors) -> None:
        self.size = size
        self.scale = 2 * size
        color = tuple(int(255 * c) for c in ground)
        self.picture = Image.new("RGB", (self.scale, self.scale), color)
        self.height = Image.new("L", (self.scale, self.scale), 128)

    def stroke(self, rng: np.random.Generator, paths: Points, colors: Colors, brush: Brush) -> None:
        """Draw paths (N, K, 2), each in its color (N, 3), later ones over earlier ones."""
        ink, paint = ImageDraw.Draw(self.picture), ImageDraw.Draw(self.height)
        count = len(paths)
        along = np.gradient(paths, axis=1)
        across = np.stack([-along[..., 1], along[..., 0]], -1)
        across /= np.linalg.norm(across, axis=-1, keepdims=True) + 1e-9
        taper = np.sin(np.linspace(0.25, np.pi - 0.25, paths.shape[1]))[None, :, None]
        offsets = np.linspace(-0.5, 0.5, brush.bristles)
        shades = rng.normal(0, brush.variation, (count, brush.bristles, 1)) + colors[:, None]
        shades = (np.clip(shades, 0, 1) * 255).astype(int)
        heights = rng.integers(70, 255, (count, brush.bristles))
        wide = max(1, round(brush.width * self.scale / brush.bristles * 1.5))
        lanes = [
            ((paths + across * taper * offset * brush.width) * self.scale).reshape(count, -1) for offset in offsets
        ]
        order = rng.permuted(np.tile(np.arange(brush.bristles), (count, 1)), axis=1)
        for n in range(count):
            for b in order[n]:
                line = lanes[b][n].tolist()
                ink.line(line, fill=tuple(shades[n, b].tolist()), width=wide)
                paint.line(line, fill=int(heights[n, b]), width=wide)

    def finished(self, *, thickness: float = 0.0) -> Colors:
        """Return the picture (S, S, 3), its paint lit from the side."""
        small = self.picture.resize((self.size, self.size), Image.Resampling.BOX)
        colors = np.asarray(small, np.float32) / 255
        if thickness:
            height = self.height.resize((self.size, self.size), Image.Resampling.BOX)
            colors = colors * relief(np.asarray(height, np.float32) / 255, thickness)[..., None]
        return np.clip(colors, 0, 1)
