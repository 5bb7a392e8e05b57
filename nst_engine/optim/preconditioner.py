"""The initial inverse Hessian of L-BFGS: an operator that strengthens the coarse structure of an image.

The curvature of the losses is far higher along fine detail than along coarse structure. L-BFGS that starts from a
multiple of the identity has to learn this from its steps; starting from this operator it needs a third to a half of
them. The operator is symmetric and positive definite, as L-BFGS requires: M x = x + 4 · weight · Dᵀ M D x, where D
blurs and halves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d

from nst_engine.machine.precision import convolution_precision
from nst_engine.spec.enums import Precision

LEVELS = 5
SMALLEST = 8  # pixels: shorter sides are not halved
_BINOMIAL = (1 / 8, 3 / 8, 3 / 8, 1 / 8)


@convolution_precision(Precision.FLOAT32)  # TF32 is for the network
def strengthen_coarse(x: Tensor, weight: float) -> Tensor:
    """Return M x of an image (1, C, H, W)."""
    return _strengthened(_formatted(x), weight, LEVELS).contiguous()


@convolution_precision(Precision.FLOAT32)
def energy(x: Tensor, weight: float) -> Tensor:
    """Return xᵀ M x of an image (1, C, H, W), with half the work of M x."""
    x = _formatted(x)
    if x.is_cuda:  # one dot product of all levels in place of one for each
        flat = torch.cat([level.flatten() for level in _levels(x, 2 * math.sqrt(weight))])
        return torch.dot(flat, flat)
    squares = [_square(level) for level in _levels(x)]
    return torch.dot(torch.stack(squares), _weights(len(squares), weight, x.dtype, x.device))


def _formatted(x: Tensor) -> Tensor:
    """Return x in the memory format in which convolutions of single channels are fastest."""
    return x.contiguous(memory_format=torch.contiguous_format if x.is_cuda else torch.channels_last)


def _levels(x: Tensor, factor: float = 1.0) -> Iterator[Tensor]:
    """Yield x, then each level as the one before, halved and multiplied by `factor`."""
    left = LEVELS
    yield x
    while not _is_last(x, left):
        x, left = _halved(x, factor), left - 1
        yield x


def _square(x: Tensor) -> Tensor:
    flat = x.permute(0, 2, 3, 1).reshape(-1)
    return torch.dot(flat, flat)


@lru_cache(maxsize=16)
def _weights(levels: int, weight: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return (4 · weight)^i for each level; made once, as the kernel."""
    return torch.tensor([(4 * weight) ** level for level in range(levels)], dtype=dtype).to(device)


def _strengthened(x: Tensor, weight: float, levels: int) -> Tensor:
    if _is_last(x, levels):
        return x
    coarse = _strengthened(_halved(x), weight, levels - 1)
    odd = (x.shape[-2] % 2, x.shape[-1] % 2)
    kernel, channels = _kernel(x.shape[1], x.dtype, x.device), x.shape[1]
    enlarged = conv_transpose2d(coarse, kernel, stride=2, padding=1, output_padding=odd, groups=channels)
    return torch.add(x, enlarged, alpha=4 * weight)


def _is_last(x: Tensor, levels: int) -> bool:
    return levels == 0 or min(x.shape[-2:]) < SMALLEST


def _halved(x: Tensor, factor: float = 1.0) -> Tensor:
    return conv2d(x, _kernel(x.shape[1], x.dtype, x.device, factor), stride=2, padding=1, groups=x.shape[1])


@lru_cache(maxsize=8)
def _kernel(channels: int, dtype: torch.dtype, device: torch.device, factor: float = 1.0) -> Tensor:
    """Return the blur times `factor`, (C, 1, 4, 4).

    It is made once: copying it to a GPU in each iteration would wait for the GPU.
    """
    line = torch.tensor(_BINOMIAL, dtype=dtype)
    return torch.outer(factor * line, line).to(device).expand(channels, 1, 4, 4)
