"""Colors as float RGB in [0, 1], and ways to mix them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Colors = NDArray[np.floating]  # (..., 3)


def palette(*codes: str) -> Colors:
    """Read `#rrggbb` codes into (N, 3)."""
    return np.array([[int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)] for code in codes], np.float32)


def ramp(colors: Colors, at: NDArray[np.floating], stops: Sequence[float] | None = None) -> Colors:
    """Interpolate along a palette (N, 3): 0 is its first color, 1 its last; the stops default to equal steps."""
    where = np.linspace(0, 1, len(colors)) if stops is None else np.asarray(stops)
    return np.stack([np.interp(at, where, colors[:, c]) for c in range(3)], -1).astype(np.float32)


def mix(below: Colors, above: Colors, amount: NDArray[np.floating]) -> Colors:
    """Lay one picture (H, W, 3) or color (3,) over another, by amount (H, W)."""
    return below + (above - below) * amount[..., None]


def relief(height: NDArray[np.floating], strength: float) -> NDArray[np.floating]:
    """Shade a height field (S, S) as if lit from the upper left; 1 where it is flat."""
    down, right = np.gradient(height)
    return 1 + strength * np.clip((right + down) * height.shape[0] / 512, -1, 1)
