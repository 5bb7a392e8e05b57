"""Total variation: differences between neighboring pixels, which make an image noisy."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nst_engine.spec.enums import TvLoss

ALL, START, END = slice(None), slice(None, -1), slice(1, None)
Term = tuple[Any, Any, float]  # the pixels that have a neighbor there, the neighbors, the weight of their differences
RIGHT = ((..., ALL, START), (..., ALL, END))
DOWN = ((..., START, ALL), (..., END, ALL))
DOWN_RIGHT = ((..., START, START), (..., END, END))
UP_RIGHT = ((..., END, START), (..., START, END))


def total_variation(image: Tensor, kind: TvLoss) -> Tensor:
    """Return the total variation of an image (1, 3, H, W): the weighted sum of d² or |d| over neighbors."""
    value: Tensor = _TotalVariation.apply(image, kind)
    return value


class _TotalVariation(torch.autograd.Function):
    """The gradient by hand: autograd needs five times as long, since it fills an image with zeros for every slice."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, kind: TvLoss) -> Tensor:
        terms = _eight_neighbors(image) if kind is TvLoss.MEAN_EIGHT else [(*RIGHT, 1.0), (*DOWN, 1.0)]
        value, gradient = image.new_zeros(()), torch.zeros_like(image)
        for pixels, neighbors, weight in terms:
            d = image[neighbors] - image[pixels]
            value += weight * (d.abs().sum() if kind is TvLoss.L1 else torch.dot(d.flatten(), d.flatten()))
            slope, factor = (d.sign_(), weight) if kind is TvLoss.L1 else (d, 2 * weight)
            gradient[neighbors].add_(slope, alpha=factor)
            gradient[pixels].sub_(slope, alpha=factor)
        ctx.save_for_backward(gradient)
        return value

    @staticmethod
    def backward(ctx: Any, *by_value: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * by_value[0], None


def _eight_neighbors(image: Tensor) -> list[Term]:
    """Return the differences between all neighbors on an image whose border is repeated (Crowson 2021).

    Beyond the border lie copies of it: each difference along the border counts once more straight and twice across.
    """
    height, width, planes = image.shape[-2] + 2, image.shape[-1] + 2, image.shape[:-2].numel()
    right = 2 / 3 / (planes * height * (width - 1))
    down = 2 / 3 / (planes * (height - 1) * width)
    across = 2 / 12 / (planes * (height - 1) * (width - 1))
    rows = [((..., edge, START), (..., edge, END), right + 2 * across) for edge in (0, -1)]
    columns = [((..., START, edge), (..., END, edge), down + 2 * across) for edge in (0, -1)]
    return [(*RIGHT, right), (*DOWN, down), (*DOWN_RIGHT, across), (*UP_RIGHT, across), *rows, *columns]
