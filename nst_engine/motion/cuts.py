"""Cuts: a scene ends between two frames if the motion between them explains little of the second one."""

from __future__ import annotations

import numpy as np

from nst_engine.motion.flow import Frame, cv2, flow_between, gray, warp

SIDE = 64  # pixels of the longest side at which frames are compared
CHANGED = 0.08  # mean difference in brightness, of 1, that remains once the motion is taken out


def is_cut(before: Frame, now: Frame) -> bool:
    """Tell whether a scene ends between two frames of one size, (H, W, 3) each. It depends on these two alone."""
    one, other = _small(before), _small(now)
    if np.abs(one.astype(np.float32) - other).mean() <= CHANGED * 255:  # most frames hardly change
        return False
    moved = warp(one.astype(np.float32), flow_between(other, one), smooth=False)
    return bool(np.abs(moved - other).mean() > CHANGED * 255)


def _small(frame: Frame) -> Frame:
    factor = SIDE / max(frame.shape[:2])
    height, width = (max(16, round(side * factor)) for side in frame.shape[:2])
    found: Frame = cv2().resize(gray(frame), (width, height), interpolation=cv2().INTER_AREA)
    return found
