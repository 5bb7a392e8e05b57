import math

import pytest
import torch
from torch import Tensor

from nst_engine.losses.moments import Moments, moment_sums
from nst_engine.losses.wasserstein import LEFT_OUT, gaussian_target, wasserstein_loss
from nst_engine.spec.enums import StyleLoss
from tests.nst_engine.losses.tiny_features import features


def loss(one: Tensor, other: Tensor, kind: StyleLoss = StyleLoss.MEAN) -> Tensor:
    return wasserstein_loss(
        moment_sums(one).mean(), gaussian_target(moment_sums(other).mean(), kind, least_power=1e-12)
    )


def loss_by_definition(one: Tensor, other: Tensor) -> float:
    """Return mean (μ − μ*)² + tr(Σ + Σ* − 2(Σ*^½ Σ Σ*^½)^½) / C, in float64, by the eigenvalues of ΣΣ*."""
    a, b = one[0].flatten(1), other[0].flatten(1)
    epsilon = 1e-4 * torch.eye(a.shape[0], dtype=torch.float64)
    sigma, target = torch.cov(a, correction=0) + epsilon, torch.cov(b, correction=0) + epsilon
    # Σ*^½ Σ Σ*^½ and Σ Σ* are similar: same eigenvalues.
    cross = torch.linalg.eigvals(sigma @ target).real.sqrt().sum()
    spread = sigma.trace() + target.trace() - 2 * cross
    return float((a.mean(1) - b.mean(1)).square().mean() + spread / a.shape[0])


@pytest.mark.parametrize("channels", [1, 4, 24])
def test_the_wasserstein_loss_equals_its_definition_in_float64(channels: int) -> None:
    one, other = features(channels, 60, 1), features(channels, 50, 2, 1.7)
    expected = loss_by_definition(one, other)
    assert loss(one, other).item() == pytest.approx(expected, rel=1e-9)
    assert loss(one.float(), other.float()).item() == pytest.approx(expected, rel=1e-3)


def test_the_wasserstein_loss_of_one_dimensional_gaussians_is_the_textbook_one() -> None:
    """(μ₁ − μ₂)² + (σ₁ − σ₂)²."""
    one = Moments(torch.tensor([[1.0 + 4.0]]).double(), torch.tensor([1.0]).double())  # mean 1, variance 4
    other = Moments(torch.tensor([[9.0 + 1.0]]).double(), torch.tensor([3.0]).double())  # mean 3, variance 1
    found = wasserstein_loss(one, gaussian_target(other, StyleLoss.MEAN, least_power=1e-12))
    assert found.item() == pytest.approx((1 - 3) ** 2 + (math.sqrt(4 + 1e-4) - math.sqrt(1 + 1e-4)) ** 2)


def test_the_wasserstein_loss_of_the_target_itself_is_zero() -> None:
    own = features(6, 40, 1)
    assert loss(own, own).item() == pytest.approx(0, abs=1e-9)


def test_the_gradient_of_the_wasserstein_loss_equals_finite_differences() -> None:
    other = features(3, 20, 2, 1.5)
    assert torch.autograd.gradcheck(lambda f: loss(f, other), features(3, 12, 1).requires_grad_())


def test_the_gradient_of_the_wasserstein_loss_is_finite_on_flat_features() -> None:
    flat = torch.ones(1, 5, 1, 9).requires_grad_()
    loss(flat, features(5, 30, 2).float()).backward()
    assert flat.grad is not None
    assert bool(flat.grad.isfinite().all())


def test_a_normalized_loss_does_not_depend_on_the_size_of_the_features() -> None:
    one, other = features(6, 40, 1), features(6, 50, 2, 1.7)
    found = [loss(one * size, other * size, StyleLoss.NORMALIZED).item() for size in (10, 1000)]
    assert found[0] == pytest.approx(found[1], rel=1e-4)


def test_a_normalized_loss_of_a_style_that_varies_in_every_direction_is_the_plain_one_over_its_energy() -> None:
    one, other = features(4, 60, 1), features(4, 50, 2, 1.7)
    energy = other.square().sum(1).mean() + 4 * 1e-4
    assert loss(one, other, StyleLoss.NORMALIZED).item() == pytest.approx((loss(one, other) * 4 / energy).item())


def test_a_normalized_loss_takes_a_style_not_to_vary_where_it_hardly_does() -> None:
    other = features(3, 50, 2) * torch.tensor([1.0, 1.0, 0.01]).view(1, 3, 1, 1)
    target = gaussian_target(moment_sums(other).mean(), StyleLoss.NORMALIZED, least_power=1e-12)
    assert target.root.shape == (3, 2)
    kept = target.covariance.trace() / (torch.cov(other[0].flatten(1), correction=0).trace() + 3e-4)
    assert 1 - LEFT_OUT < kept < 1


def test_the_gradient_of_a_normalized_wasserstein_loss_equals_finite_differences() -> None:
    other = features(3, 20, 2, 1.5)
    kind = StyleLoss.NORMALIZED
    assert torch.autograd.gradcheck(lambda f: loss(f, other, kind), features(3, 12, 1).requires_grad_())
