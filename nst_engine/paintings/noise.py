"""Smooth random fields over the unit square; the same seed gives the same field at every size."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Field = NDArray[np.floating]  # (S, S)


def fbm(rng: np.random.Generator, size: int, *, cells: int = 4, octaves: int = 4, gain: float = 0.5) -> Field:
    """Sum octaves of smooth noise, to zero mean and unit deviation; the coarsest has so many cells a side."""
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        grid = rng.standard_normal((cells * 2**octave + 1,) * 2).astype(np.float32)
        total += gain**octave * enlarge(grid, size)
    return (total - total.mean()) / (total.std() + 1e-6)


def enlarge(grid: Field, size: int) -> Field:
    """Resize a small field smoothly."""
    return np.asarray(Image.fromarray(grid).resize((size, size), Image.Resampling.BICUBIC), np.float32)


def coordinates(size: int) -> tuple[Field, Field]:
    """Return x and y of each pixel's center, in [0, 1]."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size
    x, y = np.meshgrid(axis, axis)
    return x, y


def sample(field: NDArray[np.floating], points: NDArray[np.floating]) -> NDArray[np.floating]:
    """Look a field (S, S) or (S, S, C) up at points (..., 2) of the unit square, nearest pixel, held at the border."""
    size = field.shape[0]
    index = np.clip((points * size).astype(np.int64), 0, size - 1)
    return field[index[..., 1], index[..., 0]]


def smoothstep(low: float, high: float, value: Field) -> Field:
    """Rise smoothly from 0 at `low` to 1 at `high`."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
