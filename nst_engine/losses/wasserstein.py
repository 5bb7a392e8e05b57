"""The style loss of Crowson 2021: the Wasserstein distance between Gaussians fitted to the features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nst_engine.losses.moments import Moments
from nst_engine.losses.sqrtm import sqrtm, trace_of_sqrt

EPSILON = 1e-4  # added to the diagonals of the covariances (Crowson 2021)


@dataclass(frozen=True)
class GaussianTarget:
    """The Gaussian fitted to the style's features; the root of its covariance is computed once."""

    mean: Tensor  # (C,)
    covariance: Tensor  # (C, C), float64
    root: Tensor  # (C, C), float64


def gaussian_target(moments: Moments) -> GaussianTarget:
    """Fit a Gaussian to the style's moments."""
    covariance = _covariance(moments)
    return GaussianTarget(moments.first, covariance, sqrtm(covariance))


def wasserstein_loss(moments: Moments, target: GaussianTarget) -> Tensor:
    """Return the squared 2-Wasserstein distance of two Gaussians, divided by the number of channels.

    mean (μ − μ*)² + mean diag(Σ + Σ* − 2(Σ*^½ Σ Σ*^½)^½)
    """
    covariance = _covariance(moments)
    cross = trace_of_sqrt(target.root @ covariance @ target.root)
    spread = (covariance.diagonal() + target.covariance.diagonal()).sum() - 2 * cross
    return (moments.first - target.mean).square().mean() + (spread / target.mean.shape[0]).to(moments.first)


def _covariance(moments: Moments) -> Tensor:
    """Return the covariance in float64: the root of a nearly singular matrix amplifies float32's rounding errors."""
    covariance = moments.covariance
    if covariance.device.type == "mps":  # has no float64
        covariance = covariance.cpu()
    epsilon = EPSILON * torch.eye(covariance.shape[0], dtype=torch.float64, device=covariance.device)
    return covariance.double() + epsilon
