"""Random numbers of one draw, and random positions in an image."""

from __future__ import annotations

import hashlib
import math

import torch
from torch import Tensor

GRID = 128  # a side of the largest grid from which positions are drawn (Kolkin et al. 2019)


def generator(*key: object) -> torch.Generator:
    """Return random numbers that depend on `key` alone, the same on every device and after resuming."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "little"))


def random_positions(
    count: int, size: tuple[int, int], random: torch.Generator, counting: Tensor | None = None
) -> Tensor:
    """Return at most `count` different pixels of an image of this height and width, (N, 2).

    counting: (h · w,), True for the pixels to choose from.
    """
    if counting is None:
        order = torch.randperm(size[0] * size[1], generator=random)[:count]
    else:
        among = counting.cpu().nonzero()[:, 0]
        order = among[torch.randperm(len(among), generator=random)[:count]]
    return torch.stack([order // size[1], order % size[1]], 1)


def grid_positions(count: int, size: tuple[int, int], random: torch.Generator, mask: Tensor | None = None) -> Tensor:
    """Return at most `count` pixels of a coarse grid with a random offset, (N, 2).

    mask: (H, W); where it is low, fewer positions are drawn, and where it is 0 none.
    """
    ratio = math.sqrt(size[0] * size[1] // GRID**2)
    strides = max(math.floor(ratio), 1), max(math.ceil(ratio), 1)
    y, x = (torch.arange(_offset(step, random), side, step) for side, step in zip(size, strides, strict=True))
    grid = torch.cartesian_prod(y, x)  # (N, 2)
    if mask is None:
        return grid[torch.randperm(len(grid), generator=random)[:count]]
    weights = mask.cpu()[grid[:, 0], grid[:, 1]].float()
    if not weights.any():  # the mask is smaller than the grid's spacing
        grid = mask.cpu().nonzero()
        weights = mask.cpu()[grid[:, 0], grid[:, 1]].float()
    chosen = torch.multinomial(weights, min(count, int((weights > 0).sum())), generator=random)
    return grid[chosen]


def sparse(features: Tensor, reference: Tensor, offsets: Tensor, cells: int) -> Tensor:
    """Return features (1, C, h, w) at every k-th position, so that a side of `reference` has about `cells` of them.

    offsets: two numbers in [0, 1), which choose the first row and column.
    """
    step = max(max(reference.shape[-2:]) // cells, 1)
    sides = features.shape[-2:]
    first, second = (min(int(share * step), side - 1) for share, side in zip(offsets.tolist(), sides, strict=True))
    return features[..., first::step, second::step]


def _offset(step: int, random: torch.Generator) -> int:
    return int(torch.randint(step, (), generator=random))
