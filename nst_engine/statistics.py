"""Second moments of features: what style losses compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


class _OuterSum(torch.autograd.Function):
    """F diag(w) Fᵀ with one matrix product in the backward pass where autograd would take two."""

    @staticmethod
    def forward(ctx: Any, f: Tensor, weight: Tensor | None) -> Tensor:  # (C, N), (N,) -> (C, C)
        weighted = f if weight is None else f * weight
        ctx.save_for_backward(weighted)
        return weighted @ f.T

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (weighted,) = ctx.saved_tensors
        (grad,) = grads
        return (grad + grad.T) @ weighted, None


@dataclass(frozen=True)
class Sums:
    """Sums over positions of one layer's features, so that tiles and blends can be added up."""

    outer: Tensor  # (C, C)
    total: Tensor  # (C,)
    count: Tensor | float


@dataclass(frozen=True)
class Moments:
    """Means over positions: `second` = E[f fᵀ], (C, C); `first` = E[f], (C,)."""

    second: Tensor
    first: Tensor

    @property
    def covariance(self) -> Tensor:
        """Return E[f fᵀ] − E[f] E[f]ᵀ, (C, C)."""
        return self.second - torch.outer(self.first, self.first)


def sums(features: Tensor, weight: Tensor | None = None, *, first: bool = True) -> Sums:
    """Sum f fᵀ and f over the positions of features (1, C, H, W), each weighted by `weight` (H, W).

    `first=False` leaves out the sum of f, which a Gram matrix does not need.
    """
    f = features[0].flatten(1)  # (C, N)
    w = None if weight is None else weight.reshape(-1)  # (N,)
    outer = _OuterSum.apply(f, w)
    if w is None:
        return Sums(outer, f.sum(1) if first else f.new_zeros(f.shape[0]), float(f.shape[1]))
    return Sums(outer, f @ w if first else f.new_zeros(f.shape[0]), w.sum())


def moments(features: Tensor, weight: Tensor | None = None, *, first: bool = True) -> Moments:
    """Return the (weighted) mean of f fᵀ and of f over the positions of features (1, C, H, W)."""
    return normalised(sums(features, weight, first=first))


def normalised(total: Sums) -> Moments:
    """Return sums over positions as means."""
    return Moments(total.outer / total.count, total.total / total.count)


def gram(features: Tensor) -> Tensor:
    """Return the Gram matrix F Fᵀ, (C, C), of features (1, C, H, W), unnormalised (Gatys et al. 2015)."""
    outer: Tensor = _OuterSum.apply(features[0].flatten(1), None)
    return outer


def blend(parts: list[Moments], weights: list[float]) -> Moments:
    """Return the weighted mean of several styles' moments."""
    total = sum(weights)
    second = torch.stack([p.second * (w / total) for p, w in zip(parts, weights, strict=True)]).sum(0)
    first = torch.stack([p.first * (w / total) for p, w in zip(parts, weights, strict=True)]).sum(0)
    return Moments(second, first)
