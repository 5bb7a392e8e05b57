"""The losses, as pure functions of features (or their moments) and a target; each returns a scalar."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nst_engine.config import ContentLoss, GramScale, StyleLoss, TvLoss
from nst_engine.sqrtm import sqrtm, trace_of_sqrt
from nst_engine.statistics import Moments

WASSERSTEIN_EPSILON = 1e-4  # added to the covariances' diagonals (Crowson 2021)


def content_loss(features: Tensor, target: Tensor, kind: ContentLoss) -> Tensor:
    """Compare features (1, C, H, W) with the content's, position by position."""
    return content_factor(target, kind) * torch.nn.functional.mse_loss(features, target, reduction="sum")


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
    dx = image[..., :, 1:] - image[..., :, :-1]
    dy = image[..., 1:, :] - image[..., :-1, :]
    match kind:
        case TvLoss.L1:
            return dx.abs().sum() + dy.abs().sum()
        case TvLoss.L2:
            return dx.square().sum() + dy.square().sum()
        case TvLoss.MEAN_EIGHT:  # Crowson 2021: the eight neighbours, on a picture whose border is repeated
            return _mean_eight(image)


def _mean_eight(image: Tensor) -> Tensor:
    x = torch.nn.functional.pad(image, (1, 1, 1, 1), "replicate")
    dx = (x[..., :, 1:] - x[..., :, :-1]).square().mean()
    dy = (x[..., 1:, :] - x[..., :-1, :]).square().mean()
    down = (x[..., 1:, 1:] - x[..., :-1, :-1]).square().mean()
    up = (x[..., 1:, :-1] - x[..., :-1, 1:]).square().mean()
    return 2 * ((dx + dy) / 3 + (down + up) / 12)


def range_loss(image: Tensor) -> Tensor:
    """Return the mean square of what lies outside [0, 1] in an image (1, 3, H, W)."""
    return (image - image.clamp(0, 1)).square().mean()
