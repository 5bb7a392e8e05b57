"""A picture with its coarse structure made stronger: a first guess of how far each scale of detail has to move.

The losses bend far more along fine detail than along coarse structure. L-BFGS that starts from a multiple of the
identity has to learn that from the steps it takes; starting from this operator it needs a third to a half of them.
It is symmetric and positive definite, as the method asks: M x = x + 4 · weight · Dᵀ M D x, where D blurs and halves.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d

LEVELS = 5
SMALLEST = 8  # pixels: no side is halved below half of it
_BINOMIAL = (1 / 8, 3 / 8, 3 / 8, 1 / 8)


def strengthen_coarse(x: Tensor, weight: float, levels: int = LEVELS) -> Tensor:
    """Return M x of an image (1, C, H, W)."""
    if levels == 0 or min(x.shape[-2:]) < SMALLEST:
        return x
    kernel = _kernel(x)
    coarse = strengthen_coarse(_halved(x, kernel), weight, levels - 1)
    odd = (x.shape[-2] % 2, x.shape[-1] % 2)
    enlarged = conv_transpose2d(coarse, kernel, stride=2, padding=1, output_padding=odd, groups=x.shape[1])
    return torch.add(x, enlarged, alpha=4 * weight)


def energy(x: Tensor, weight: float, levels: int = LEVELS) -> Tensor:
    """Return xᵀ M x, for half the work of M x."""
    flat = x.reshape(-1)
    own = torch.dot(flat, flat)
    if levels == 0 or min(x.shape[-2:]) < SMALLEST:
        return own
    return own + 4 * weight * energy(_halved(x, _kernel(x)), weight, levels - 1)


def _halved(x: Tensor, kernel: Tensor) -> Tensor:
    return conv2d(x, kernel, stride=2, padding=1, groups=x.shape[1])


def _kernel(x: Tensor) -> Tensor:
    line = torch.tensor(_BINOMIAL, dtype=x.dtype, device=x.device)
    return torch.outer(line, line).expand(x.shape[1], 1, 4, 4)  # (C, 1, 4, 4)
