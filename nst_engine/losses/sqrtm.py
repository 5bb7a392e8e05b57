"""Square roots of symmetric positive semi-definite matrices."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

STEPS = 16  # of Newton-Schulz: find M^-½ to 9 digits if M's least eigenvalue is 1e-10 of the largest or more
LEAST = 1e-5  # the least root of an eigenvalue, as a share of the largest, that the steps are scaled for


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
    """Return tr(M^½), a scalar, of a symmetric positive semi-definite matrix (C, C), in float64 on CUDA.

    By eigenvalues alone: their gradient, unlike that of eigenvectors, stays finite where two of them meet. On CUDA they
    would make the host wait for the device.
    """
    if matrix.is_cuda:
        trace: Tensor = _TraceOfSqrt.apply(matrix)
        return trace
    values: Tensor = torch.linalg.eigvalsh(matrix)
    return values.clamp(min=1e-12).sqrt().sum()


class _TraceOfSqrt(torch.autograd.Function):
    """tr(M^½) with its gradient ½ M^-½."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        root, inverse = newton_schulz(matrix)
        ctx.save_for_backward(inverse)
        return root.trace()

    @staticmethod
    def backward(ctx: Any, *by_trace: Tensor) -> Tensor:
        (inverse,) = ctx.saved_tensors
        gradient: Tensor = inverse * (0.5 * by_trace[0])
        return gradient


def newton_schulz(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return M^½ and M^-½ of a symmetric positive semi-definite matrix (C, C), by matrix products alone.

    The coupled Newton-Schulz iteration (Higham 2008, equation 6.35) with the scaling of Chen and Chow 2014, which needs
    about half the steps. M^-½ is too small where an eigenvalue of M is less than LEAST² of the norm.
    It needs float64: in float32 the rounded eigenvalues of a singular matrix can be so negative that they diverge.
    """
    norm = torch.linalg.matrix_norm(matrix)
    eye = torch.eye(matrix.shape[0], dtype=matrix.dtype, device=matrix.device)
    root, inverse = matrix / norm, eye
    for scale in _scales():
        step = torch.addmm(eye, inverse, root, beta=1.5 * scale, alpha=-0.5 * scale**3)
        root, inverse = root @ step, step @ inverse
    return root * norm.sqrt(), inverse / norm.sqrt()


def _scales() -> Iterator[float]:
    """Yield the factor of each step that lifts the least singular value most, without lifting any above 1."""
    least = LEAST
    for _ in range(STEPS):
        scale = math.sqrt(3 / (1 + least + least**2))
        yield scale
        least = 0.5 * scale * least * (3 - (scale * least) ** 2)
