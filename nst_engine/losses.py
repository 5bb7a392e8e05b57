"""The losses, as pure functions of features (or their moments) and a target; each returns a scalar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nst_engine.config import ContentLoss, GramScale, StyleLoss, TvLoss
from nst_engine.sqrtm import sqrtm, trace_of_sqrt
from nst_engine.statistics import Moments

WASSERSTEIN_EPSILON = 1e-4  # added to the covariances' diagonals (Crowson 2021)


def content_loss(features: Tensor, target: Tensor, kind: ContentLoss) -> Tensor:
    """Compare features (1, C, H, W) with the content's, position by position."""
    return content_factor(target, kind) * squared_distance(features, target)


def squared_distance(features: Tensor, target: Tensor) -> Tensor:
    """Return Σ(F − P)²."""
    distance: Tensor = _SquaredDistance.apply(features, target)
    return distance


class _SquaredDistance(torch.autograd.Function):
    """Σ(F − P)² in a third of the time that torch's mse_loss needs forward and backward."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, target: Tensor) -> Tensor:
        difference = features - target
        ctx.save_for_backward(difference)
        return squares(difference)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (difference,) = ctx.saved_tensors
        return difference * (2 * grads[0]), None


def squares(x: Tensor) -> Tensor:
    """Return Σx² without a copy of x; its memory must be dense."""
    flat = x.as_strided((x.numel(),), (1,))
    return torch.dot(flat, flat)


def content_factor(target: Tensor, kind: ContentLoss) -> float:
    """Return what Σ(F − P)² is multiplied by."""
    match kind:
        case ContentLoss.MEAN:
            return 1.0 / target.numel()
        case ContentLoss.HALF_SUM:  # Gatys et al. 2016, equation 1
            return 0.5
        case ContentLoss.NORMALISED:
            return 1.0 / (target.numel() * max(target.var().item(), 1e-8))


def gram_loss(moments: Moments, target: Moments, *, positions: int, scale: GramScale, kind: StyleLoss) -> Tensor:
    """Compare Gram matrices, given as means over positions.

    `positions` is h·w of the picture being made; both matrices are scaled by it, as if the style had its size.
    """
    channels = target.second.shape[0]
    if kind is StyleLoss.NORMALISED:
        return (moments.second - target.second).square().sum() / target.second.square().sum().clamp(min=1e-12)
    factor = {GramScale.NONE: float(positions), GramScale.HW: 1.0, GramScale.CHW: 1.0 / channels}[scale]
    squares = ((moments.second - target.second) * factor).square()
    match kind:
        case StyleLoss.MEAN:
            return squares.mean()
        case StyleLoss.SUM:
            return squares.sum()
        case StyleLoss.MEAN_PER_CHW:
            return squares.mean() / (channels * positions)


@dataclass(frozen=True)
class GaussianTarget:
    """The Gaussian fitted to the style's features, with the root of its covariance worked out once."""

    mean: Tensor  # (C,)
    covariance: Tensor  # (C, C), float64
    root: Tensor  # (C, C), float64


def gaussian_target(moments: Moments) -> GaussianTarget:
    """Fit a Gaussian to the style's moments."""
    covariance = _covariance(moments)
    return GaussianTarget(moments.first, covariance, sqrtm(covariance))


def wasserstein_loss(moments: Moments, target: GaussianTarget) -> Tensor:
    """Return the squared 2-Wasserstein distance of two Gaussians, divided by the channels (Crowson 2021).

    mean (μ − μ*)² + mean diag(Σ + Σ* − 2(Σ*^½ Σ Σ*^½)^½)
    """
    covariance = _covariance(moments)
    cross = trace_of_sqrt(target.root @ covariance @ target.root)
    spread = (covariance.diagonal() + target.covariance.diagonal()).sum() - 2 * cross
    return (moments.first - target.mean).square().mean() + (spread / target.mean.shape[0]).to(moments.first)


def _covariance(moments: Moments) -> Tensor:
    """Return the covariance in float64: the root of a nearly singular matrix magnifies what float32 rounds away."""
    covariance = moments.covariance
    if covariance.device.type == "mps":  # has no float64
        covariance = covariance.cpu()
    epsilon = WASSERSTEIN_EPSILON * torch.eye(covariance.shape[0], dtype=torch.float64, device=covariance.device)
    return covariance.double() + epsilon


def tv_loss(image: Tensor, kind: TvLoss) -> Tensor:
    """Return the total variation of an image (1, 3, H, W), in the units of its pixels."""
    terms = [(*RIGHT, 1.0), (*DOWN, 1.0)]
    if kind is TvLoss.MEAN_EIGHT:  # Crowson 2021: the eight neighbours, on a picture whose border is repeated
        image = torch.nn.functional.pad(image, (1, 1, 1, 1), "replicate")
        height, width, planes = *image.shape[-2:], image.shape[:-2].numel()
        across = 2 / 12 / (planes * (height - 1) * (width - 1))
        terms = [
            (*RIGHT, 2 / 3 / (planes * height * (width - 1))),
            (*DOWN, 2 / 3 / (planes * (height - 1) * width)),
            (*DOWN_RIGHT, across),
            (*UP_RIGHT, across),
        ]
    variation: Tensor = _Variation.apply(image, terms, kind is TvLoss.L1)
    return variation


# The pixels that have a neighbour there, and the neighbours.
RIGHT = ((..., slice(None), slice(None, -1)), (..., slice(None), slice(1, None)))
DOWN = ((..., slice(None, -1), slice(None)), (..., slice(1, None), slice(None)))
DOWN_RIGHT = ((..., slice(None, -1), slice(None, -1)), (..., slice(1, None), slice(1, None)))
UP_RIGHT = ((..., slice(1, None), slice(None, -1)), (..., slice(None, -1), slice(1, None)))


class _Variation(torch.autograd.Function):
    """Σ w·d² (or w·|d|) over differences d of neighbours, with the gradient taken on the way.

    Autograd would keep every difference and fill a picture with zeros for every slice.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, terms: Sequence[tuple[Any, Any, float]], absolute: bool) -> Tensor:
        gradient, total = torch.zeros_like(x), x.new_zeros(())
        for pixels, neighbours, weight in terms:
            d = x[neighbours] - x[pixels]
            total += weight * (d.abs().sum() if absolute else squares(d))
            pull = d.sign_().mul_(weight) if absolute else d.mul_(2 * weight)
            gradient[neighbours] += pull
            gradient[pixels] -= pull
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * grads[0], None, None


def range_loss(image: Tensor) -> Tensor:
    """Return the mean square of what lies outside [0, 1] in an image (1, 3, H, W)."""
    return (image - image.clamp(0, 1)).square().mean()
