"""Features small enough to work out losses by hand."""

from collections.abc import Callable

import torch
from torch import Tensor

F = torch.tensor([[1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 0.0, 1.0]]).view(1, 2, 2, 2)
P = torch.tensor([[1.0, 1.0, 1.0, 3.0], [2.0, 1.0, 0.0, 0.0]]).view(1, 2, 2, 2)


def features(channels: int, positions: int, seed: int, spread: float = 1.0) -> Tensor:
    """Return random features (1, C, 1, N) in float64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, channels, 1, positions, dtype=torch.float64, generator=generator) * spread + 0.3 * seed


def finite_differences(loss: Callable[[Tensor], Tensor], x: Tensor, step: float = 1e-6) -> Tensor:
    """Return the gradient of a loss by each element of x, in float64."""
    moves = step * torch.eye(x.numel(), dtype=x.dtype).view(-1, *x.shape)
    return torch.stack([(loss(x + move) - loss(x - move)) / (2 * step) for move in moves]).view_as(x)
