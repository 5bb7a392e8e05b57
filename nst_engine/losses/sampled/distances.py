"""Distances between rows of features, (N, D) and (M, D), and the nearest rows."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

CHUNK = 2**24  # entries of a matrix of distances that exist at once


def centered(x: Tensor) -> Tensor:
    """Return rows (N, D) minus their mean."""
    return x - x.mean(0)


def cosine_distances(x: Tensor, y: Tensor) -> Tensor:
    """Return 1 − cos of all pairs of rows, (N, M)."""
    return 1 - normalize(x, eps=1e-8) @ normalize(y, eps=1e-8).T


def paired_cosine_distances(x: Tensor, y: Tensor) -> Tensor:
    """Return 1 − cos of rows of the same index, (N,)."""
    return 1 - (normalize(x, eps=1e-8) * normalize(y, eps=1e-8)).sum(1)


@torch.no_grad()
def nearest(x: Tensor, y: Tensor) -> Tensor:
    """Return for each row of `x` the index of the row of `y` with the smallest cosine distance, (N,)."""
    directions = normalize(y, eps=1e-8).T
    parts = normalize(x, eps=1e-8).tensor_split(math.ceil(x.shape[0] * y.shape[0] / CHUNK))
    return torch.cat([(part @ directions).argmax(1) for part in parts])
