"""Filling what no painted frame shows: with blocks of the painting where the film looks alike (Hertzmann et al. 2001).

The film shows wood where the painting has blue strokes: where more wood comes into view, it gets such strokes, too.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nst_engine.motion.flow import Floats, cv2

BLOCK = 12  # pixels
STEP = 6  # pixels between blocks, which overlap
FEWEST = 16  # blocks to choose from: with fewer, the film itself fills
CHUNK = 2**22  # distances between blocks that exist at once
NEARNESS = 0.02  # how much being near counts, against being alike: the squared color difference of a whole side


def filled(image: Floats, shown: NDArray[np.bool_], frame: Floats) -> Floats:
    """Return a painted image (H, W, 3) with everything filled that is not shown.

    shown: (H, W). frame: the frame of the film, (H, W, 3).
    """
    if shown.all():
        return image.clip(0, 1)
    guess = frame
    height, width = shown.shape
    if min(height, width) >= 2 * BLOCK:
        wanted, sources = _places(_any(~shown), height, width), _places(~_any(~shown), height, width)
        if len(sources) >= FEWEST:
            guess = _copied(image, frame, wanted, sources[_nearest(frame, wanted, sources)])
    result: Floats = np.where(shown[..., None], image, guess).clip(0, 1).astype(np.float32)
    return result


def _any(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return where a block that starts there meets the mask."""
    count = cv2().boxFilter(mask.astype(np.float32), -1, (BLOCK, BLOCK), anchor=(0, 0), normalize=False)
    return np.asarray(count > 0.5)


def _places(where: NDArray[np.bool_], height: int, width: int) -> NDArray[np.intp]:
    """Return the places (N, 2), y and x, at which blocks start."""
    rows = np.unique([*range(0, height - BLOCK, STEP), height - BLOCK])
    columns = np.unique([*range(0, width - BLOCK, STEP), width - BLOCK])
    grid: NDArray[np.intp] = np.stack(np.meshgrid(rows, columns, indexing="ij"), -1).reshape(-1, 2)
    return grid[where[grid[:, 0], grid[:, 1]]]


def _nearest(frame: Floats, wanted: NDArray[np.intp], sources: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return for each wanted block the source at which the film looks most like it."""
    mean = cv2().blur(frame, (STEP, STEP), anchor=(0, 0))
    side = NEARNESS**0.5 / max(frame.shape[:2])

    def look(places: NDArray[np.intp]) -> Floats:
        y, x = places.T
        parts = [mean[y + dy, x + dx] for dy in (0, STEP) for dx in (0, STEP)]
        found: Floats = np.concatenate([*parts, places * np.float32(side)], 1).astype(np.float32)
        return found

    one, other = look(wanted), look(sources)
    turned, squares = -2 * other.T, (other**2).sum(1)
    parts = np.array_split(one, math.ceil(len(one) * len(other) / CHUNK))
    return np.concatenate([(part @ turned + squares).argmin(1) for part in parts])


def _copied(image: Floats, frame: Floats, wanted: NDArray[np.intp], sources: NDArray[np.intp]) -> Floats:
    """Return the frame with blocks of the image, blended where they overlap."""
    ramp = np.minimum(np.arange(1, BLOCK + 1), np.arange(BLOCK, 0, -1)).astype(np.float32)
    window = (ramp[:, None] * ramp)[..., None]
    total = (frame * np.float32(1e-3)).astype(np.float32)
    weight = np.full((*frame.shape[:2], 1), 1e-3, np.float32)
    for (y, x), (from_y, from_x) in zip(wanted.tolist(), sources.tolist(), strict=True):
        total[y : y + BLOCK, x : x + BLOCK] += window * image[from_y : from_y + BLOCK, from_x : from_x + BLOCK]
        weight[y : y + BLOCK, x : x + BLOCK] += window
    result: Floats = (total / weight).astype(np.float32)
    return result
