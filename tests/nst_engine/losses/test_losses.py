import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from nst_engine.losses import losses
from nst_engine.losses.moments import Moments, gram, moments
from nst_engine.spec.config import ContentLoss, GramScale, StyleLoss, TvLoss

F = torch.tensor([[1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 0.0, 1.0]]).view(1, 2, 2, 2)
P = torch.tensor([[1.0, 1.0, 1.0, 3.0], [2.0, 1.0, 0.0, 0.0]]).view(1, 2, 2, 2)


def features(channels: int, positions: int, seed: int, spread: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, channels, 1, positions, dtype=torch.float64, generator=generator) * spread + 0.3 * seed


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (ContentLoss.MEAN, 11 / 8),  # Σ(F − P)² = 0+1+4+1 + 4+0+0+1 = 11, over 8 values
        (ContentLoss.HALF_SUM, 5.5),
        (ContentLoss.NORMALISED, 11 / 8 / (55 / 56)),  # var(P) = (17 − 81/8) / 7 = 55/56
    ],
)
def test_the_content_loss_equals_the_hand_computed_value(kind: ContentLoss, expected: float) -> None:
    assert losses.content_loss(F, P, kind).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("kind", ContentLoss)
def test_the_content_loss_of_the_target_itself_is_zero(kind: ContentLoss) -> None:
    assert losses.content_loss(P, P, kind).item() == 0


def test_the_normalised_content_loss_of_a_constant_target_is_finite() -> None:
    assert math.isfinite(losses.content_loss(F, torch.ones_like(F), ContentLoss.NORMALISED).item())


# G = F Fᵀ = [[30, 6], [6, 2]], A = P Pᵀ = [[12, 3], [3, 5]]; G − A = [[18, 3], [3, −3]]: Σ(G − A)² = 351, ΣA² = 187.
@pytest.mark.parametrize(
    ("kind", "scale", "expected"),
    [
        (StyleLoss.SUM, GramScale.NONE, 351),
        (StyleLoss.SUM, GramScale.HW, 351 / 4**2),
        (StyleLoss.SUM, GramScale.CHW, 351 / 8**2),
        (StyleLoss.MEAN, GramScale.NONE, 351 / 4),
        (StyleLoss.MEAN, GramScale.HW, 351 / 4 / 4**2),
        (StyleLoss.MEAN, GramScale.CHW, 351 / 4 / 8**2),
        (StyleLoss.MEAN_PER_CHW, GramScale.NONE, 351 / 4 / 8),
        (StyleLoss.MEAN_PER_CHW, GramScale.CHW, 351 / 4 / 8 / 8**2),
        (StyleLoss.NORMALISED, GramScale.NONE, 351 / 187),
        (StyleLoss.NORMALISED, GramScale.CHW, 351 / 187),
    ],
)
def test_the_gram_loss_equals_the_hand_computed_value(kind: StyleLoss, scale: GramScale, expected: float) -> None:
    assert torch.equal(gram(F), torch.tensor([[30.0, 6.0], [6.0, 2.0]]))
    assert torch.equal(gram(P), torch.tensor([[12.0, 3.0], [3.0, 5.0]]))
    found = losses.gram_loss(moments(F), moments(P), positions=4, scale=scale, kind=kind)
    assert found.item() == pytest.approx(expected, rel=1e-6)


def test_the_gram_loss_does_not_depend_on_the_size_of_the_style() -> None:
    twice = P.repeat(1, 1, 1, 2)
    once, again = (
        losses.gram_loss(moments(F), moments(p), positions=4, scale=GramScale.NONE, kind=StyleLoss.SUM)
        for p in (P, twice)
    )
    assert once.item() == again.item()


def wasserstein_by_definition(one: Tensor, other: Tensor) -> float:
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
    expected = wasserstein_by_definition(one, other)
    exact = losses.wasserstein_loss(moments(one), losses.gaussian_target(moments(other)))
    single = losses.wasserstein_loss(moments(one.float()), losses.gaussian_target(moments(other.float())))
    assert exact.item() == pytest.approx(expected, rel=1e-9)
    assert single.item() == pytest.approx(expected, rel=1e-3)


def test_the_wasserstein_distance_of_one_dimensional_gaussians_is_the_textbook_one() -> None:
    """(μ₁ − μ₂)² + (σ₁ − σ₂)²."""
    one = Moments(torch.tensor([[1.0 + 4.0]]).double(), torch.tensor([1.0]).double())  # mean 1, variance 4
    other = Moments(torch.tensor([[9.0 + 1.0]]).double(), torch.tensor([3.0]).double())  # mean 3, variance 1
    found = losses.wasserstein_loss(one, losses.gaussian_target(other))
    assert found.item() == pytest.approx((1 - 3) ** 2 + (math.sqrt(4 + 1e-4) - math.sqrt(1 + 1e-4)) ** 2)


def test_the_wasserstein_loss_of_the_target_itself_is_zero() -> None:
    own = moments(features(6, 40, 1))
    assert losses.wasserstein_loss(own, losses.gaussian_target(own)).item() == pytest.approx(0, abs=1e-9)


def test_the_gradient_of_the_wasserstein_loss_equals_finite_differences() -> None:
    target = losses.gaussian_target(moments(features(3, 20, 2, 1.5)))
    start = features(3, 12, 1).requires_grad_()
    assert torch.autograd.gradcheck(lambda f: losses.wasserstein_loss(moments(f), target), start)


def test_the_gradient_of_the_wasserstein_loss_is_finite_on_flat_features() -> None:
    flat = torch.ones(1, 5, 1, 9).requires_grad_()
    losses.wasserstein_loss(moments(flat), losses.gaussian_target(moments(features(5, 30, 2).float()))).backward()
    assert flat.grad is not None
    assert bool(flat.grad.isfinite().all())


# One channel of three would do; the image has one to keep the sums short.
IMAGE = torch.tensor([[1.0, 2.0, 4.0], [1.0, 0.0, 3.0]]).view(1, 1, 2, 3)


def test_the_total_variations_equal_the_hand_computed_values() -> None:
    # dx: 1 2 / −1 3; dy: 0 −2 −1
    assert losses.tv_loss(IMAGE, TvLoss.L1)[0].item() == 10
    assert losses.tv_loss(IMAGE, TvLoss.L2)[0].item() == 15 + 5


def test_the_total_variation_of_eight_neighbours_equals_the_hand_computed_value() -> None:
    """The picture with its border repeated is 4 x 5; each mean is over that picture's differences."""
    # rows 1 1 2 4 4, twice, and 1 1 0 3 3, twice
    dx = (2 * (1 + 4) + 2 * (1 + 9)) / 16
    dy = (0 + 0 + 4 + 1 + 1) / 15  # between the two middle rows
    down = ((0 + 1 + 4 + 0) + (0 + 1 + 1 + 1) + (0 + 1 + 9 + 0)) / 12  # below right minus here
    up = ((0 + 1 + 4 + 0) + (0 + 1 + 16 + 1) + (0 + 1 + 9 + 0)) / 12  # below left minus above right
    expected = 2 * ((dx + dy) / 3 + (down + up) / 12)
    assert losses.tv_loss(IMAGE, TvLoss.MEAN_EIGHT)[0].item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("kind", TvLoss)
def test_a_flat_picture_has_no_total_variation(kind: TvLoss) -> None:
    assert losses.tv_loss(torch.full((1, 3, 5, 4), 0.3), kind)[0].item() == 0


class _WithGradient(torch.autograd.Function):
    """Hand autograd a loss that gives its own gradient."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, loss: Callable[[Tensor], tuple[Tensor, Tensor]]) -> Tensor:
        value, ctx.gradient = loss(image)
        return value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return ctx.gradient * grads[0], None


@pytest.mark.parametrize(
    "loss",
    [*(partial(losses.tv_loss, kind=kind, weight=0.7) for kind in TvLoss), partial(losses.range_loss, weight=0.7)],
)
def test_the_gradient_of_a_pixel_loss_equals_finite_differences(
    loss: Callable[[Tensor], tuple[Tensor, Tensor]],
) -> None:
    picture = torch.rand(1, 3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 1.4 - 0.2
    assert torch.autograd.gradcheck(lambda x: _WithGradient.apply(x, loss), picture.requires_grad_())


def test_the_gradient_of_the_content_loss_equals_finite_differences() -> None:
    now, target = features(3, 8, 1).requires_grad_(), features(3, 8, 2)
    assert torch.autograd.gradcheck(lambda f: losses.content_loss(f, target, ContentLoss.NORMALISED), now)


def test_the_range_loss_is_the_mean_square_of_what_lies_outside() -> None:
    image = torch.tensor([-0.5, 0.0, 0.7, 1.2]).view(1, 1, 2, 2)
    assert losses.range_loss(image)[0].item() == pytest.approx((0.25 + 0.04) / 4)
