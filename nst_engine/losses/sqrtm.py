"""Square roots of symmetric positive semi-definite matrices."""

from __future__ import annotations

import torch
from torch import Tensor


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
