"""Moments of features: the means over positions that style losses compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nst_engine.losses.channel_products import mix_channels, outer_product
from nst_engine.machine.precision import to_float32


@dataclass(frozen=True)
class Moments:
    """Means over positions."""

    second: Tensor  # E[f fᵀ], (C, C)
    first: Tensor  # E[f], (C,)

    @property
    def covariance(self) -> Tensor:
        """Return E[f fᵀ] − E[f] E[f]ᵀ, (C, C)."""
        return self.second - torch.outer(self.first, self.first)


@dataclass(frozen=True)
class Sums:
    """Sums over positions, which can be added up over the tiles of an image."""

    outer: Tensor  # Σ f fᵀ, (C, C)
    total: Tensor  # Σ f, (C,)
    count: Tensor | float

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.outer + other.outer, self.total + other.total, self.count + other.count)

    def mean(self) -> Moments:
        """Return the sums divided by the number of positions."""
        return Moments(self.outer / self.count, self.total / self.count)


def moment_sums(
    features: Tensor, weight: Tensor | None = None, *, first: bool = True, reference: Tensor | None = None
) -> Sums:
    """Sum f fᵀ and f over the positions of features (1, C, H, W), weighted by `weight` (H, W), in float32.

    first: False leaves Σ f at 0; Gram matrices do not need it.
    reference: (C, C), the value that E[f fᵀ] will be compared with; features in bfloat16 are then multiplied as such.
    """
    if reference is not None and weight is None and not first and features.dtype is torch.bfloat16:
        return _bfloat16_sums(features, reference)
    features = to_float32(features)
    weighted = features if weight is None else features * weight
    count = float(features.shape[-2] * features.shape[-1]) if weight is None else weight.sum()
    total = weighted.sum((0, 2, 3)) if first else features.new_zeros(features.shape[1])
    return Sums(outer_product(weighted, features), total, count)


def _bfloat16_sums(features: Tensor, reference: Tensor) -> Sums:
    """Sum f fᵀ as the difference of its mean from `reference`, so that only the difference is rounded to bfloat16.

    The products are exact and are added up in float32. Rounding the sum itself would cost 0.4 % of it, which is a large
    part of its difference from the target.
    """
    flat = features.permute(0, 2, 3, 1).flatten(0, 2)  # (N, C)
    guess = reference.bfloat16()
    difference = torch.addmm(guess, flat.T, flat, beta=-1, alpha=1 / len(flat))
    outer = difference.float().add_(guess).mul_(len(flat))
    return Sums(outer, outer.new_zeros(len(outer)), float(len(flat)))


def moments_vjp(features: Tensor, weight: Tensor | None, matrix: Tensor, by_total: Tensor | None) -> Tensor:
    """Return the gradient by features (1, C, H, W) of a loss, given its gradient by their `moment_sums`.

    d(Σ w f fᵀ) gives w (A + Aᵀ) f and d(Σ w f) gives w b, where A (C, C) and b (C,) are the gradients by the sums.
    matrix: A + Aᵀ.

    Autograd would take two products of the size of the features, one for each factor of f fᵀ. The result has the dtype
    of the features.
    """
    matrix = matrix.to(features.dtype)
    if by_total is None:
        gradient = mix_channels(features, matrix)
    elif features.dtype is torch.bfloat16:  # rounding b to it would shift all positions alike
        gradient = mix_channels(features, matrix).add_(by_total.view(1, -1, 1, 1))
    else:
        gradient = mix_channels(features, matrix, by_total.to(features.dtype))
    return gradient if weight is None else gradient.mul_(weight)


def blend(parts: Sequence[Moments], weights: Sequence[float]) -> Moments:
    """Return the weighted mean of the moments of several styles."""
    total = sum(weights)
    second = torch.stack([p.second * (w / total) for p, w in zip(parts, weights, strict=True)]).sum(0)
    first = torch.stack([p.first * (w / total) for p, w in zip(parts, weights, strict=True)]).sum(0)
    return Moments(second, first)
