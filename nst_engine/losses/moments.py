"""Second moments of features: what style losses compare."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import conv2d
from torch.nn.grad import conv2d_weight

ROW = 128  # positions; oneDNN takes up to twice as long where rows are no multiple of 16


def _product(one: Tensor, other: Tensor) -> Tensor:
    """Return one · otherᵀ, (C, C), of features (1, C, H, W).

    On the CPU as the gradient of a convolution by a 1 x 1 kernel: oneDNN computes that in half the time of MKL's matrix
    product. torch asks oneDNN for 1 x 1 kernels if they are dilated, which means nothing for them.
    """
    c = one.shape[1]
    if one.device.type != "cpu":
        return one.flatten(2)[0] @ other.flatten(2)[0].T
    a, b = (f.permute(0, 2, 3, 1).reshape(-1, c) for f in (one, other))  # (N, C)
    whole = a.shape[0] // ROW * ROW
    rest = a[whole:].T @ b[whole:]
    if not whole:
        return rest
    a, b = (f[:whole].view(1, -1, ROW, c).permute(0, 3, 1, 2) for f in (a, b))  # (1, C, N / ROW, ROW)
    product: Tensor = conv2d_weight(b, (c, c, 1, 1), a, dilation=2)  # type: ignore[no-untyped-call]
    return product.view(c, c) + rest


def _mixed(features: Tensor, matrix: Tensor) -> Tensor:
    """Return matrix · F for each position of features (1, C, H, W); on the CPU as a convolution, as above."""
    if features.device.type != "cpu":
        return (matrix @ features.flatten(2)[0]).view_as(features)
    return conv2d(features, matrix[..., None, None], dilation=2)


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


def sums(features: Tensor, weight: Tensor | None = None, *, first: bool = True, near: Tensor | None = None) -> Sums:
    """Sum f fᵀ and f over the positions of features (1, C, H, W), each weighted by `weight` (H, W), in float32.

    `first=False` leaves out the sum of f, which a Gram matrix does not need. `near`, (C, C), is what the mean of f fᵀ
    is going to be compared with: it lets features in bfloat16 be multiplied as such.
    """
    if near is not None and weight is None and not first and features.dtype is torch.bfloat16:
        return _sums_near(features, near)
    features = to_float32(features)
    weighted = features if weight is None else features * weight
    count = float(features.shape[-2] * features.shape[-1]) if weight is None else weight.sum()
    total = weighted.sum((0, 2, 3)) if first else features.new_zeros(features.shape[1])
    return Sums(_product(weighted, features), total, count)


def _sums_near(features: Tensor, near: Tensor) -> Sums:
    """Sum f fᵀ of features in bfloat16 as the difference of its mean from `near`, the only thing that is rounded.

    The products are exact and added up in float32; a result in bfloat16 would be off by half a percent of itself, which
    is a small part of a small difference but not of the sum.
    """
    flat = features.permute(0, 2, 3, 1).flatten(0, 2)  # (N, C)
    guess = near.bfloat16()
    difference = torch.addmm(guess, flat.T, flat, beta=-1, alpha=1 / len(flat))
    outer = difference.float().add_(guess).mul_(len(flat))
    return Sums(outer, outer.new_zeros(len(outer)), float(len(flat)))


def to_float32(features: Tensor) -> Tensor:
    """Return features in float32 where the convolutions computed in bfloat16."""
    return features.float() if features.dtype is torch.bfloat16 else features


def pull(features: Tensor, weight: Tensor | None, outer: Tensor, total: Tensor | None) -> Tensor:
    """Return the gradient by features (1, C, H, W) of a loss, given its gradient by their sums.

    `outer` is (C, C) and symmetric: autograd would take a product for each side of the outer sum. `total` is (C,). The
    gradient has the arithmetic of the features.
    """
    gradient = _mixed(features, (2 * outer).to(features.dtype))
    if total is not None:
        gradient += total.view(1, -1, 1, 1)
    return gradient if weight is None else gradient.mul_(weight)


def moments(features: Tensor, weight: Tensor | None = None, *, first: bool = True) -> Moments:
    """Return the (weighted) mean of f fᵀ and of f over the positions of features (1, C, H, W)."""
    return normalised(sums(features, weight, first=first))


def normalised(total: Sums) -> Moments:
    """Return sums over positions as means."""
    return Moments(total.outer / total.count, total.total / total.count)


def gram(features: Tensor) -> Tensor:
    """Return the Gram matrix F Fᵀ, (C, C), of features (1, C, H, W), unnormalised (Gatys et al. 2015)."""
    return _product(features, features)


def blend(parts: list[Moments], weights: list[float]) -> Moments:
    """Return the weighted mean of several styles' moments."""
    total = sum(weights)
    second = torch.stack([p.second * (w / total) for p, w in zip(parts, weights, strict=True)]).sum(0)
    first = torch.stack([p.first * (w / total) for p, w in zip(parts, weights, strict=True)]).sum(0)
    return Moments(second, first)
