"""The losses, as pure functions of features (or their moments) and a target.

Each returns a scalar, and its gradient where one that is worked out here takes less time than autograd's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nst_engine.losses.moments import Moments
from nst_engine.losses.sqrtm import sqrtm, trace_of_sqrt
from nst_engine.spec.config import ContentLoss, GramScale, StyleLoss, TvLoss

ByMoments = tuple[Tensor, Tensor | None]  # a loss's gradient by second moments, (C, C), symmetric, and by first, (C,)
WASSERSTEIN_EPSILON = 1e-4  # added to the covariances' diagonals (Crowson 2021)


def content_loss(features: Tensor, target: Tensor, kind: ContentLoss) -> Tensor:
    """Compare features (1, C, H, W) with the content's, position by position."""
    return content_factor(target, kind) * squares(features - target)


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
    return gram_factor(target, positions=positions, scale=scale, kind=kind) * gram_distance(moments, target)[0]


def gram_distance(moments: Moments, target: Moments) -> tuple[Tensor, ByMoments]:
    """Return Σ(G − A)² and its gradient."""
    difference = moments.second - target.second
    return squares(difference), (2 * difference, None)


def gram_factor(target: Moments, *, positions: int, scale: GramScale, kind: StyleLoss) -> float:
    """Return what Σ(G − A)² is multiplied by, where both are means over positions."""
    channels = target.second.shape[0]
    scaled = {GramScale.NONE: float(positions), GramScale.HW: 1.0, GramScale.CHW: 1.0 / channels}[scale] ** 2
    match kind:
        case StyleLoss.NORMALISED:
            return 1.0 / max(squares(target.second).item(), 1e-12)
        case StyleLoss.MEAN:
            return scaled / channels**2
        case StyleLoss.SUM:
            return scaled
        case StyleLoss.MEAN_PER_CHW:
            return scaled / channels**2 / (channels * positions)


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


def wasserstein_distance(moments: Moments, target: GaussianTarget) -> tuple[Tensor, ByMoments]:
    """Return the Wasserstein loss and its gradient."""
    second, first = moments.second.detach().requires_grad_(), moments.first.detach().requires_grad_()
    with torch.enable_grad():
        loss = wasserstein_loss(Moments(second, first), target)
    by_second, by_first = torch.autograd.grad(loss, (second, first))
    return loss.detach(), ((by_second + by_second.T) / 2, by_first)


def _covariance(moments: Moments) -> Tensor:
    """Return the covariance in float64: the root of a nearly singular matrix magnifies what float32 rounds away."""
    covariance = moments.covariance
    if covariance.device.type == "mps":  # has no float64
        covariance = covariance.cpu()
    epsilon = WASSERSTEIN_EPSILON * torch.eye(covariance.shape[0], dtype=torch.float64, device=covariance.device)
    return covariance.double() + epsilon


ALL, START, END = slice(None), slice(None, -1), slice(1, None)
Term = tuple[Any, Any, float]  # the pixels that have a neighbour there, the neighbours, and the differences' weight
RIGHT = ((..., ALL, START), (..., ALL, END))
DOWN = ((..., START, ALL), (..., END, ALL))
DOWN_RIGHT = ((..., START, START), (..., END, END))
UP_RIGHT = ((..., END, START), (..., START, END))


def tv_loss(image: Tensor, kind: TvLoss, weight: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return the weighted total variation of an image (1, 3, H, W), in the units of its pixels, and its gradient.

    It is Σd² (or Σ|d|) over differences d of neighbours. Autograd would keep every difference and fill a picture with
    zeros for every slice.
    """
    terms = _eight_neighbours(image) if kind is TvLoss.MEAN_EIGHT else [(*RIGHT, 1.0), (*DOWN, 1.0)]
    gradient, total = torch.zeros_like(image), image.new_zeros(())
    for pixels, neighbours, share in terms:
        d = image[neighbours] - image[pixels]
        factor = weight * share
        if kind is TvLoss.L1:
            total += factor * d.abs().sum()
            d.sign_()
        else:
            total += factor * squares(d)
            factor *= 2
        gradient[neighbours].add_(d, alpha=factor)
        gradient[pixels].sub_(d, alpha=factor)
    return total, gradient


def _eight_neighbours(image: Tensor) -> list[Term]:
    """Return the differences between all neighbours on a picture whose border is repeated (Crowson 2021).

    Beyond the border lie copies of it: each difference along the border counts once more straight and twice across.
    """
    height, width, planes = image.shape[-2] + 2, image.shape[-1] + 2, image.shape[:-2].numel()
    right = 2 / 3 / (planes * height * (width - 1))
    down = 2 / 3 / (planes * (height - 1) * width)
    across = 2 / 12 / (planes * (height - 1) * (width - 1))
    rows = [((..., edge, START), (..., edge, END), right + 2 * across) for edge in (0, -1)]
    columns = [((..., START, edge), (..., END, edge), down + 2 * across) for edge in (0, -1)]
    return [(*RIGHT, right), (*DOWN, down), (*DOWN_RIGHT, across), (*UP_RIGHT, across), *rows, *columns]


def range_loss(image: Tensor, weight: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return the weighted mean square of what lies outside [0, 1] in an image (1, 3, H, W), and its gradient."""
    outside = image - image.clamp(0, 1)
    factor = weight / image.numel()
    return factor * squares(outside), outside * (2 * factor)
