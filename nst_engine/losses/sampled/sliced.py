"""Distances of one-dimensional distributions: sliced Wasserstein and histograms.

The sliced Wasserstein distance (Heitz et al. 2021) compares projections on random directions; the histogram loss
(Risser et al. 2017) compares each channel, which is a projection on an axis.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize


def random_directions(count: int, generator: torch.Generator) -> Tensor:
    """Return `count` random unit vectors of `count` channels, one a row."""
    return normalize(torch.randn(count, count, generator=generator))


def sliced_loss(features: Tensor, style: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the mean squared difference of the quantiles of projections (K, N) and (K, M).

    With as many values on both sides and no weights it is the mean of (sort(p) − sort(p̃))².
    weights: (N,), how much each position counts.
    """
    values, order = features.sort(1)
    if weights is None:
        return (values - _quantiles(style, _middles(torch.ones_like(values[:1])))).square().mean()
    shares = weights[order] / weights.sum().clamp(min=1e-8)  # (K, N)
    return ((values - _quantiles(style, _middles(shares))).square() * shares).sum(1).mean()


def _middles(weights: Tensor) -> Tensor:
    """Return the quantile in [0, 1] on which each of the sorted values lies, (K, N)."""
    total = weights.cumsum(1)
    return (total - weights / 2) / total[:, -1:].clamp(min=1e-8)


@torch.no_grad()
def _quantiles(values: Tensor, at: Tensor) -> Tensor:
    """Return the quantiles `at` (1 or K, N) of values (K, M), interpolated linearly."""
    values, count = values.sort(1).values, values.shape[1]
    position = (at * count - 0.5).clamp(0, count - 1).expand(values.shape[0], -1)
    below = position.floor().long().clamp(max=max(count - 2, 0))
    above = (below + 1).clamp(max=count - 1)
    return torch.lerp(values.gather(1, below), values.gather(1, above), (position - below).to(values))
