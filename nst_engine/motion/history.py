"""What the painted frames before a frame say about it: they are warped to it, as far as they show the same things."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nst_engine.motion.cuts import is_cut
from nst_engine.motion.filling import filled
from nst_engine.motion.flow import (
    Floats,
    Frame,
    confidence,
    disocclusions,
    floats,
    flow_between,
    gray,
    out_of_frame,
    warp,
)

DISTANCES = (1, 2, 4)  # frames back; those further away fill what the nearer ones do not show (Ruder et al. 2016)
LOOKBACK = max(DISTANCES)
ENOUGH = 0.01  # share of the pixels that may be left over before a frame further back is looked at


@dataclass(frozen=True)
class Painted:
    """A frame of the film, and what became of it: RGB (H, W, 3) of 8 bits each."""

    frame: Frame
    result: Frame


@dataclass(frozen=True)
class Guess:
    """What the frames before say about a frame.

    start: where painting starts, RGB (H, W, 3) in [0, 1]. confidence: (H, W), 1 where the start may be held to.
    """

    start: Floats
    confidence: Floats


class FrameHistory:
    """The last painted frames of the scene."""

    def __init__(self) -> None:
        self._last: deque[Painted] = deque(maxlen=LOOKBACK)

    def add(self, painted: Painted) -> None:
        """Take in the next painted frame; at a cut, forget those before it."""
        if self._last and is_cut(self._last[-1].frame, painted.frame):
            self._last.clear()
        self._last.append(painted)

    def unchanged(self, frame: Frame) -> Frame | None:
        """Return the last result if the last frame was the same as this one."""
        if self._last and np.array_equal(self._last[-1].frame, frame):
            return self._last[-1].result
        return None

    def guess(self, frame: Frame) -> Guess | None:
        """Return what the painted frames say about the next one, or None at the first frame of a scene."""
        if not self._last or is_cut(self._last[-1].frame, frame):
            return None
        now, height, width = gray(frame), *frame.shape[:2]
        image: Floats = np.zeros((height, width, 3), np.float32)
        trusted: Floats = np.zeros((height, width), np.float32)
        shown: NDArray[np.bool_] = np.zeros((height, width), np.bool_)
        for distance in DISTANCES:
            if distance > len(self._last) or (distance > 1 and shown.mean() > 1 - ENOUGH):
                break
            found = self._last[-distance]
            flow, back = flow_between(now, gray(found.frame)), flow_between(gray(found.frame), now)
            visible = ~(disocclusions(flow, back) | out_of_frame(flow))
            new = visible & ~shown
            image[new] = warp(floats(found.result), flow)[new]
            trusted[new] = confidence(flow, back)[new]
            shown |= visible
        return Guess(start=filled(image, shown, floats(frame)), confidence=trusted)
