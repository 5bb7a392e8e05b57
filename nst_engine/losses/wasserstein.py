"""The style loss of Crowson 2021: the Wasserstein distance between Gaussians fitted to the features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nst_engine.losses.moments import Moments
from nst_engine.losses.sqrtm import low_rank_root, sqrtm, trace_of_sqrt
from nst_engine.spec.enums import StyleLoss

EPSILON = 1e-4  # added to the diagonals of the covariances (Crowson 2021)
LEFT_OUT = 1e-2  # at most this share of the style's variance is taken as 0 in a normalized loss


@dataclass(frozen=True)
class GaussianTarget:
    """The Gaussian fitted to the style's features, a root of its covariance, and what the distance is divided by.

    The root is R with Σ* = R Rᵀ: then Rᵀ Σ R has the eigenvalues of Σ*^½ Σ Σ*^½.
    """

    mean: Tensor  # (C,)
    covariance: Tensor  # (C, C), float64
    root: Tensor  # (C, rank), float64
    scale: float


def gaussian_target(moments: Moments, kind: StyleLoss, *, least_power: float) -> GaussianTarget:
    """Fit a Gaussian to the style's moments.

    kind: NORMALIZED divides the distance by the style's E[f²], so that one weight means the same for every network, and
    takes the style not to vary in the directions in which it hardly does: small roots are quicker, and the picture gets
    no noise there. A channel's E[f²] then counts as at least `least_power`, or else a plain style would outweigh all
    else. Other kinds divide the distance by the number of channels (Crowson 2021).
    """
    covariance = _covariance(moments)
    if kind is not StyleLoss.NORMALIZED:
        return GaussianTarget(moments.first, covariance, sqrtm(covariance), 1.0 / len(covariance))
    root = low_rank_root(covariance, LEFT_OUT)
    covariance = root @ root.T
    energy = (moments.first.square().sum() + covariance.diagonal().sum()).item()
    return GaussianTarget(moments.first, covariance, root, 1.0 / max(energy, len(covariance) * least_power))


def wasserstein_loss(moments: Moments, target: GaussianTarget) -> Tensor:
    """Return the squared 2-Wasserstein distance of two Gaussians, times the target's scale.

    Σ (μ − μ*)² + tr(Σ + Σ* − 2(Σ*^½ Σ Σ*^½)^½)
    """
    covariance = _covariance(moments)
    cross = trace_of_sqrt(target.root.T @ covariance @ target.root)
    spread = (covariance.diagonal() + target.covariance.diagonal()).sum() - 2 * cross
    return target.scale * ((moments.first - target.mean).square().sum() + spread.to(moments.first))


def _covariance(moments: Moments) -> Tensor:
    """Return the covariance in float64: the root of a nearly singular matrix amplifies float32's rounding errors."""
    covariance = moments.covariance
    if covariance.device.type == "mps":  # has no float64
        covariance = covariance.cpu()
    epsilon = EPSILON * torch.eye(covariance.shape[0], dtype=torch.float64, device=covariance.device)
    return covariance.double() + epsilon
