"""Nearest-neighbor feature matching (Kolkin et al. 2022)."""

from __future__ import annotations

from torch import Tensor

from nst_engine.losses.sampled.distances import centered, nearest, paired_cosine_distances


def matched(query: Tensor, style: Tensor) -> Tensor:
    """Return for each row of `query` (N, D) the row of `style` (M, D) whose centered cosine distance is smallest."""
    return style[nearest(centered(query), centered(style))]


def matching_loss(columns: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the weighted mean of 1 − cos between rows (N, D) and their targets."""
    return _mean(paired_cosine_distances(columns, targets), weights)


def layer_matching_loss(features: Tensor, style: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the weighted mean over rows i of `features` (N, C) of min_j (1 − centered cos) to the rows j of `style`.

    Only the distances of the nearest pairs enter the graph: the others have no gradient.
    """
    now, target = centered(features), centered(style)
    return _mean(paired_cosine_distances(now, target[nearest(now, target)]), weights)


def _mean(values: Tensor, weights: Tensor | None) -> Tensor:
    return values.mean() if weights is None else (values * weights).sum() / weights.sum().clamp(min=1e-8)
