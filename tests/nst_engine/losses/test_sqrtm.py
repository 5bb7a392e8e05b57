import pytest
import torch
from torch import Tensor

from nst_engine.losses.sqrtm import newton_schulz, sqrtm, trace_of_sqrt


def covariance(size: int, rank: int, dtype: torch.dtype = torch.float64) -> Tensor:
    factor = torch.randn(size, rank, dtype=torch.float64, generator=torch.Generator().manual_seed(size))
    return (factor @ factor.T / rank).to(dtype)


def test_the_root_of_a_two_by_two_matrix_is_the_closed_form() -> None:
    """√M = (M + √det·I) / √(trace + 2√det)."""
    matrix = torch.tensor([[33.0, 24.0], [24.0, 57.0]], dtype=torch.float64)
    root = matrix.det().sqrt()
    assert torch.allclose(sqrtm(matrix), (matrix + root * torch.eye(2)) / (matrix.trace() + 2 * root).sqrt())


@pytest.mark.parametrize(("size", "rank"), [(1, 1), (5, 9), (64, 80), (96, 200)])
def test_the_root_in_float32_agrees_with_float64(size: int, rank: int) -> None:
    exact = covariance(size, rank)
    values, vectors = torch.linalg.eigh(exact)
    reference = vectors @ values.sqrt().diag() @ vectors.T
    found = sqrtm(exact.float()).double()
    assert (found - reference).norm() / reference.norm() < 1e-4


def test_the_square_of_the_root_is_the_matrix_even_where_it_is_singular() -> None:
    matrix = covariance(8, 3)
    root = sqrtm(matrix)
    assert torch.allclose(root @ root, matrix, atol=1e-10)
    assert torch.allclose(root, root.T)


def test_the_trace_of_the_root_is_the_sum_of_the_roots_of_the_eigenvalues() -> None:
    matrix = covariance(12, 40)
    assert torch.isclose(trace_of_sqrt(matrix), sqrtm(matrix).trace(), rtol=1e-10)


def test_the_gradient_of_the_trace_equals_finite_differences() -> None:
    factor = torch.randn(5, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(lambda f: trace_of_sqrt(f @ f.T), factor.requires_grad_())


def test_the_gradient_of_the_trace_is_finite_where_eigenvalues_meet() -> None:
    matrix = torch.eye(4, dtype=torch.float64).requires_grad_()
    trace_of_sqrt(matrix).backward()
    assert matrix.grad is not None
    assert torch.allclose(matrix.grad, torch.eye(4, dtype=torch.float64) / 2)


@pytest.mark.parametrize(("size", "rank"), [(1, 1), (5, 9), (64, 80), (96, 96)])
def test_newton_schulz_agrees_with_the_eigenvalues(size: int, rank: int) -> None:
    matrix = covariance(size, rank) + 1e-6 * torch.eye(size)
    values, vectors = torch.linalg.eigh(matrix)
    root, inverse = (found[0] for found in newton_schulz(matrix[None]))
    assert torch.allclose(root, (vectors * values.sqrt()) @ vectors.T, rtol=0, atol=1e-8)
    assert torch.allclose(inverse, (vectors / values.sqrt()) @ vectors.T, rtol=0, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_newton_schulz_takes_singular_matrices(scale: float) -> None:
    matrix = scale * covariance(64, 20)
    root, inverse = (found[0] for found in newton_schulz(matrix[None]))
    assert torch.isclose(root.trace(), sqrtm(matrix).trace(), rtol=1e-5)
    assert bool(inverse.isfinite().all())
    assert torch.allclose(root @ inverse @ matrix, matrix, rtol=0, atol=1e-6 * scale)


def test_newton_schulz_takes_several_matrices_padded_with_zeros() -> None:
    small, large = covariance(5, 9), covariance(8, 20)
    roots, inverses = newton_schulz(torch.stack([torch.nn.functional.pad(small, (0, 3, 0, 3)), large]))
    assert torch.allclose(roots[0, :5, :5], sqrtm(small)) and torch.allclose(roots[1], sqrtm(large))
    assert torch.allclose(inverses[0, :5, :5] @ roots[0, :5, :5], torch.eye(5, dtype=torch.float64))
