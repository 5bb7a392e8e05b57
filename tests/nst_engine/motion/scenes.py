"""Frames of small scenes, RGB (H, W, 3) of 8 bits."""

from __future__ import annotations

import numpy as np

from nst_engine.motion.flow import Frame
from tests.nst_engine.tiny import photo

HEIGHT, WIDTH = 40, 56


def _ground(height: int, width: int, seed: int) -> Frame:
    """Return blobs with a fine pattern, so that motion can be seen everywhere."""
    blobs = photo(height, width, seed).numpy().transpose(1, 2, 0)
    noise = np.random.default_rng(seed).normal(0, 1, (height // 2, width // 2)).repeat(2, 0).repeat(2, 1)
    found: Frame = (blobs * 200 + 28 + 18 * noise[:height, :width, None]).clip(0, 255).astype(np.uint8)
    return found


def pan(count: int, seed: int = 1) -> list[Frame]:
    """Move to the right by 3 pixels a frame."""
    ground = _ground(HEIGHT, WIDTH + 3 * count + count % 2, seed)
    return [ground[:, 3 * i : 3 * i + WIDTH].copy() for i in range(count)]


def moving(count: int) -> list[Frame]:
    """Move a square by 3 pixels a frame over a still ground."""
    frames, square = [], _ground(14, 14, 7)
    for i in range(count):
        frame = _ground(HEIGHT, WIDTH, 2)
        frame[12:26, 16 + 3 * i : 30 + 3 * i] = 255 - square // 2
        frames.append(frame)
    return frames


def still(count: int) -> list[Frame]:
    """Show the same with a little noise."""
    random = np.random.default_rng(3)
    ground = _ground(HEIGHT, WIDTH, 4)
    return [(ground + random.normal(0, 1.5, ground.shape)).clip(0, 255).astype(np.uint8) for _ in range(count)]
