"""Total variation: differences between neighboring pixels, which make an image noisy."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from nst_engine.spec.enums import TvLoss

ALL, START, END = slice(None), slice(None, -1), slice(1, None)
# The pixels that have a neighbor there, the neighbors, the weight of their differences.
Term = tuple[Any, Any, float | Tensor]
RIGHT = ((..., ALL, START), (..., ALL, END))
DOWN = ((..., START, ALL), (..., END, ALL))
DOWN_RIGHT = ((..., START, START), (..., END, END))
UP_RIGHT = ((..., END, START), (..., START, END))


def total_variation(image: Tensor, kind: TvLoss, weight: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return the total variation of an image (1, 3, H, W), the sum of d² or |d| over neighbors, and its gradient.

    weight: what both are multiplied by.

    Autograd would need five times as long, since it fills an image with zeros for every slice. For a difference d of
    weight w, the sum of w d² is x·g and that of |d| is x·h, where g is half of the gradient of the first and h is the
    gradient of the second.
    """
    terms = _eight_neighbors(image) if kind is TvLoss.MEAN_EIGHT else [(*RIGHT, 1.0), (*DOWN, 1.0)]
    slopes = torch.zeros_like(image)
    for pixels, neighbors, share in terms:
        d = image[neighbors] - image[pixels]
        slope = d.sign_() if kind is TvLoss.L1 else d
        if isinstance(share, Tensor):
            slope, share = slope.mul_(share), 1.0
        slopes[neighbors].add_(slope, alpha=share)
        slopes[pixels].sub_(slope, alpha=share)
    value = torch.dot(image.flatten(), slopes.flatten())
    return weight * value, slopes.mul_(weight if kind is TvLoss.L1 else 2 * weight)


def _eight_neighbors(image: Tensor) -> list[Term]:
    """Return the differences between all neighbors on an image whose border is repeated (Crowson 2021).

    Beyond the border lie copies of it: each difference along the border counts once more straight and twice across.
    """
    height, width, planes = image.shape[-2] + 2, image.shape[-1] + 2, image.shape[:-2].numel()
    right = 2 / 3 / (planes * height * (width - 1))
    down = 2 / 3 / (planes * (height - 1) * width)
    across = 2 / 12 / (planes * (height - 1) * (width - 1))
    rows = _weights(right, right + 2 * across, image.shape[-2], image.dtype, image.device)
    columns = _weights(down, down + 2 * across, image.shape[-1], image.dtype, image.device)
    return [(*RIGHT, rows[:, None]), (*DOWN, columns), (*DOWN_RIGHT, across), (*UP_RIGHT, across)]


@lru_cache(maxsize=16)
def _weights(inside: float, more: float, length: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return a weight for each of `length` lines, with `more` at either border; made once, since a copy would wait."""
    weights = torch.full((length,), inside, dtype=torch.float64)
    weights[0] += more
    weights[-1] += more
    return weights.to(dtype).to(device)
