"""The style losses of STROTSS on samples of the picture (N, D) and of the style (M, D) (Kolkin et al. 2019)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from nst_engine.losses.sampled.distances import cosine_distances, paired_cosine_distances

# An orthonormal basis of RGB whose first axis is the brightness.
_TO_DECORRELATED = torch.tensor([[0.577, 0.577, 0.577], [-0.577, 0.789, -0.211], [-0.577, -0.211, 0.789]])

Cost = Callable[[Tensor, Tensor], Tensor]


def relaxed_earth_mover(x: Tensor, y: Tensor) -> Tensor:
    """Return max(mean_i min_j C_ij, mean_j min_i C_ij), where C is the cosine distance."""
    return _relaxed(x, y, cosine_distances, paired_cosine_distances)


def color_distance(x: Tensor, y: Tensor) -> Tensor:
    """Return the relaxed earth mover's distance of colors (N, 3) and (M, 3), which are RGB minus 0.5.

    The cost is the cosine distance plus sqrt(max(d², 1e-5) / 3).
    """
    basis = _TO_DECORRELATED.to(x).T
    return _relaxed(x @ basis, y @ basis, _color_costs, _paired_color_costs)


def _relaxed(x: Tensor, y: Tensor, costs: Cost, paired: Cost) -> Tensor:
    """Find the cheapest pairs without a graph: only they have a gradient, and there are N + M of N · M."""
    with torch.no_grad():
        all_pairs = costs(x, y)
        to_style, to_picture = all_pairs.min(1), all_pairs.min(0)
    if to_style.values.mean() >= to_picture.values.mean():
        return paired(x, y[to_style.indices]).mean()
    return paired(x.index_select(0, to_picture.indices), y).mean()


def _color_costs(x: Tensor, y: Tensor) -> Tensor:
    squares = x.square().sum(1, keepdim=True) + y.square().sum(1) - 2 * x @ y.T
    return cosine_distances(x, y) + (squares.clamp(min=1e-5) / 3).sqrt()


def _paired_color_costs(x: Tensor, y: Tensor) -> Tensor:
    return paired_cosine_distances(x, y) + ((x - y).square().sum(1).clamp(min=1e-5) / 3).sqrt()


def mean_and_covariance(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean (D,) and the covariance (D, D) of rows (N, D)."""
    mean = x.mean(0)
    difference = x - mean
    return mean, difference.T @ difference / x.shape[0]


def moment_distance(x: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """Return mean |μ_x − μ| + mean |Σ_x − Σ| for rows (N, D)."""
    own_mean, own_covariance = mean_and_covariance(x)
    return (own_mean - mean).abs().mean() + (own_covariance - covariance).abs().mean()
