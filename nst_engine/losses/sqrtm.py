"""Square roots of symmetric positive semi-definite matrices."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

STEPS = 15  # of Newton-Schulz: find M^-½ to 9 digits if M's least eigenvalue is 4e-10 of the largest or more
LEAST = 2e-5  # the least root of an eigenvalue, as a share of the largest, that the steps are scaled for


def sqrtm(matrix: Tensor) -> Tensor:
    """Return the symmetric square root of a symmetric positive semi-definite matrix (C, C)."""
    values, vectors = torch.linalg.eigh(matrix.cpu() if matrix.device.type == "mps" else matrix)
    root: Tensor = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    return root.to(matrix.device)


def low_rank_root(matrix: Tensor, left_out: float) -> Tensor:
    """Return R (C, rank) with R Rᵀ ≈ M, for the smallest rank that leaves out at most this share of the trace of M."""
    values, vectors = torch.linalg.eigh(matrix.cpu() if matrix.device.type == "mps" else matrix)
    values = values.clamp(min=0)
    small = int((values.cumsum(0) <= left_out * values.sum()).sum())  # in ascending order
    root: Tensor = vectors[:, small:] * values[small:].sqrt()
    return root.to(matrix.device)


def trace_of_sqrt(matrix: Tensor) -> Tensor:
    """Return tr(M^½), a scalar, of a symmetric positive semi-definite matrix (C, C).

    By eigenvalues alone: their gradient, unlike that of eigenvectors, stays finite where two of them meet.
    """
    values: Tensor = torch.linalg.eigvalsh(matrix)
    return values.clamp(min=1e-12).sqrt().sum()


def newton_schulz(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return M^½ and M^-½ of symmetric positive semi-definite matrices (B, C, C), by matrix products alone.

    The coupled Newton-Schulz iteration (Higham 2008, equation 6.35) with the scaling of Chen and Chow 2014, which needs
    about half the steps. M^-½ is too small where an eigenvalue of M is less than LEAST² of the norm.
    M^-½ is kept transposed, so that one product moves it and M^½. All factors are symmetric but for rounding; without
    the transposition the step would be on the wrong side of M^-½, and rounding errors would grow without bound.
    It needs float64: in float32 the rounded eigenvalues of a singular matrix can be so negative that they diverge.
    """
    norm, size = torch.linalg.matrix_norm(matrix, keepdim=True), matrix.shape[-1]
    eye = torch.eye(size, dtype=matrix.dtype, device=matrix.device)
    # M^½ above the transpose of M^-½. The norm of their product is at most 1, and they need no scaling in the end.
    both = torch.cat([matrix, eye.expand_as(matrix)], 1).div_(norm.sqrt_())
    for factor in _factors():
        step = torch.baddbmm(eye, both[:, size:].mT, both[:, :size], beta=1.5 * factor, alpha=-0.5 * factor**3)
        both = torch.bmm(both, step)
    return both[:, :size], both[:, size:].mT


def _factors() -> Iterator[float]:
    """Yield the scale of each step: it lifts small singular values most, and lifts none above 1."""
    least = LEAST
    for _ in range(STEPS):
        scale = math.sqrt(3 / (1 + least + least**2))
        yield scale
        least = 0.5 * scale * least * (3 - (scale * least) ** 2)
