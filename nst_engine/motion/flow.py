"""Optical flow between two frames (DIS, Kroeger et al. 2016), and where it can be trusted.

Frames are RGB arrays (H, W, 3) of 8 bits, flows arrays (H, W, 2) of float32: the shift in x and y, in pixels. The flow
from a frame A to a frame B says for each pixel of A where it lies in B; with it, B is warped to A.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_engine.spec.errors import FilmError

Frame = NDArray[np.uint8]
Flow = NDArray[np.float32]
Floats = NDArray[np.float32]


@cache
def cv2() -> Any:
    """Return OpenCV; raises FilmError if the extra `video` is not installed."""
    try:
        import cv2 as module
    except ModuleNotFoundError:
        raise FilmError("film_unsupported", "films need the extra video (docs/quickstart.md, Extras)") from None
    module.setNumThreads(1)  # the flow depends on the number of threads, and a resumed film must not
    return module


def gray(frame: Frame) -> Frame:
    """Return the brightness of a frame, (H, W)."""
    found: Frame = cv2().cvtColor(frame, cv2().COLOR_RGB2GRAY)
    return found


def floats(frame: Frame) -> Floats:
    """Return a frame with values in [0, 1]."""
    return frame.astype(np.float32) / np.float32(255)


def flow_between(one: Frame, other: Frame) -> Flow:
    """Return the flow from one gray frame to another."""
    estimator = cv2().DISOpticalFlow_create(cv2().DISOPTICAL_FLOW_PRESET_MEDIUM)
    found: Flow = estimator.calc(one, other, None)
    return found


def warp(values: Floats, flow: Flow, *, smooth: bool = True) -> Floats:
    """Return values (H, W) or (H, W, C) read where the flow points to; beyond the border, the border is repeated."""
    height, width = flow.shape[:2]
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    kind = cv2().INTER_CUBIC if smooth else cv2().INTER_LINEAR
    found: Floats = cv2().remap(values, x, y, kind, borderMode=cv2().BORDER_REPLICATE)
    return found


def confidence(flow: Flow, back: Flow) -> Floats:
    """Return where a flow can be trusted, (H, W): 1, and 0 at disocclusions and motion edges.

    back: the flow of the opposite direction.
    """
    seen = ~(disocclusions(flow, back) | motion_edges(flow) | out_of_frame(flow))
    return seen.astype(np.float32)


def disocclusions(flow: Flow, back: Flow) -> NDArray[np.bool_]:
    """Return where the other frame does not show a pixel: going there and back ends elsewhere (Ruder et al., eq. 5)."""
    returned = warp(back, flow, smooth=False)
    gap = _square(flow + returned)
    apart: NDArray[np.bool_] = gap > 0.01 * (_square(flow) + _square(returned)) + 0.5
    return apart


def motion_edges(flow: Flow) -> NDArray[np.bool_]:
    """Return where the motion changes abruptly, which blurs the estimate (Ruder et al. 2016, eq. 6)."""
    by_y, by_x = (np.gradient(flow, axis=axis) for axis in (0, 1))
    edges: NDArray[np.bool_] = _square(by_x) + _square(by_y) > 0.01 * _square(flow) + 0.002
    return edges


def out_of_frame(flow: Flow) -> NDArray[np.bool_]:
    """Return where the flow points out of the other frame."""
    height, width = flow.shape[:2]
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    beyond: NDArray[np.bool_] = (x < -0.5) | (x > width - 0.5) | (y < -0.5) | (y > height - 0.5)
    return beyond


def _square(flow: NDArray[Any]) -> Floats:
    found: Floats = np.square(flow).sum(-1, dtype=np.float32)
    return found
