"""Filling what no painted frame shows: with blocks of the painting where the film looks alike (Hertzmann et al. 2001).

The film shows wood where the painting has blue strokes: where more wood comes into view, it gets such strokes, too. Of
the blocks that look alike, each takes one that continues the painting around it (Efros and Leung 1999). Otherwise a pan
would copy the same few columns again with every frame.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from nst_engine.motion.flow import Floats, cv2

BLOCK = 12  # pixels
STEP = 6  # pixels between blocks to fill, which overlap
FEWEST = 16  # blocks to choose from: with fewer, the film itself fills
MOST = 2**14
AWAY = 0.15  # of the longer side, between blocks and what they fill: nearer ones were themselves filled a moment ago
ALIKE = 128  # blocks that look most alike, among which the painting decides
CHUNK = 2**22  # distances between blocks that exist at once
NEARNESS = 0.001  # how much being near counts, against being alike: the squared color difference of a whole side
CONTINUITY = 6.0  # how much the squared color difference to the painting counts, against that of the film

Places = NDArray[np.intp]


def filled(image: Floats, shown: NDArray[np.bool_], frame: Floats) -> Floats:
    """Return a painted image (H, W, 3) with everything filled that is not shown.

    shown: (H, W). frame: the frame of the film, (H, W, 3).
    """
    result: Floats = np.where(shown[..., None], image, frame).clip(0, 1).astype(np.float32)
    height, width = shown.shape
    if shown.all() or min(height, width) < 2 * BLOCK:
        return result
    wanted = _places(_any(~shown), STEP)
    distant = cv2().distanceTransform(shown.astype(np.uint8), cv2().DIST_L1, 3) > AWAY * max(height, width)
    sources = _places(~_any(~distant), math.ceil(math.sqrt(height * width / MOST)))
    if len(sources) >= FEWEST:
        alike, distances = _alike(frame, wanted, sources)
        _fill(result, shown, wanted, sources[alike], distances)
    return result


def _any(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return where a block that starts there meets the mask."""
    count = cv2().boxFilter(mask.astype(np.float32), -1, (BLOCK, BLOCK), anchor=(0, 0), normalize=False)
    return np.asarray(count > 0.5)


def _places(where: NDArray[np.bool_], step: int) -> Places:
    """Return the places (N, 2), y and x, at which blocks start."""
    height, width = where.shape
    rows = np.unique([*range(0, height - BLOCK, step), height - BLOCK])
    columns = np.unique([*range(0, width - BLOCK, step), width - BLOCK])
    grid: Places = np.stack(np.meshgrid(rows, columns, indexing="ij"), -1).reshape(-1, 2)
    return grid[where[grid[:, 0], grid[:, 1]]]


def _alike(frame: Floats, wanted: Places, sources: Places) -> tuple[Places, Floats]:
    """Return the sources, (N, ALIKE), at which the film looks most like each wanted block, and their distances."""
    mean = cv2().blur(frame, (STEP, STEP), anchor=(0, 0))
    side = NEARNESS**0.5 / max(frame.shape[:2])

    def look(places: Places) -> Floats:
        y, x = places.T
        parts = [mean[y + dy, x + dx] for dy in (0, STEP) for dx in (0, STEP)]
        found: Floats = np.concatenate([*parts, places * np.float32(side)], 1).astype(np.float32)
        return found

    one, other = look(wanted), look(sources)
    turned, squares = -2 * other.T, (other**2).sum(1)
    count, found, distances = min(ALIKE, len(sources)), [], []
    for part in np.array_split(one, math.ceil(len(one) * len(other) / CHUNK)):
        distance = part @ turned + squares
        best = np.argpartition(distance, count - 1, 1)[:, :count]
        found.append(best)
        distances.append(np.take_along_axis(distance, best, 1))
    return np.concatenate(found), np.concatenate(distances)


def _fill(image: Floats, shown: NDArray[np.bool_], wanted: Places, sources: Places, distances: Floats) -> None:
    """Fill the image in place, blocks of which most is shown first; blend them where they overlap.

    sources: (N, ALIKE, 2). distances: (N, ALIKE).
    """
    ramp = np.minimum(np.arange(1, BLOCK + 1), np.arange(BLOCK, 0, -1)).astype(np.float32)
    window = (ramp[:, None] * ramp)[..., None]
    total, weight = np.zeros_like(image), np.zeros((*shown.shape, 1), np.float32)
    blocks = sliding_window_view(image, (BLOCK, BLOCK), (0, 1)).transpose(0, 1, 3, 4, 2)
    known = shown.copy()
    counts = sliding_window_view(shown, (BLOCK, BLOCK))[wanted[:, 0], wanted[:, 1]].sum((1, 2))
    for number in np.argsort(-counts, kind="stable"):
        y, x = wanted[number]
        place = slice(y, y + BLOCK), slice(x, x + BLOCK)
        there = blocks[sources[number, :, 0], sources[number, :, 1]]
        painted = ((there - image[place]) ** 2).mean(3)[:, known[place]].sum(1) / max(1, known[place].sum())
        total[place] += window * there[np.argmin(distances[number] + CONTINUITY * painted)]
        weight[place] += window
        new = ~shown[place]
        image[place][new] = (total[place] / weight[place])[new]
        known[place] = True
