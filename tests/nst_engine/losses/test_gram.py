import pytest
import torch

from nst_engine.losses.gram import gram_loss, gram_target
from nst_engine.losses.moments import moment_sums
from nst_engine.spec.enums import GramScale, StyleLoss
from tests.nst_engine.losses.tiny_features import F, P, features


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
        (StyleLoss.NORMALIZED, GramScale.NONE, 351 / 187),
        (StyleLoss.NORMALIZED, GramScale.CHW, 351 / 187),
    ],
)
def test_the_gram_loss_equals_the_hand_computed_value(kind: StyleLoss, scale: GramScale, expected: float) -> None:
    now, style = moment_sums(F), moment_sums(P)
    assert torch.equal(now.outer, torch.tensor([[30.0, 6.0], [6.0, 2.0]]))
    assert torch.equal(style.outer, torch.tensor([[12.0, 3.0], [3.0, 5.0]]))
    target = gram_target(style.mean(), positions=4, scale=scale, kind=kind, least_power=0)
    assert gram_loss(now.mean(), target).item() == pytest.approx(expected, rel=1e-6)


def test_the_gram_loss_does_not_depend_on_the_size_of_the_style() -> None:
    once, again = (
        gram_loss(
            moment_sums(F).mean(),
            gram_target(
                moment_sums(style).mean(), positions=4, scale=GramScale.NONE, kind=StyleLoss.SUM, least_power=0
            ),
        )
        for style in (P, P.repeat(1, 1, 1, 2))
    )
    assert once.item() == again.item()


def test_the_gradient_of_the_gram_loss_equals_finite_differences() -> None:
    style = moment_sums(features(3, 20, 2)).mean()
    target = gram_target(style, positions=12, scale=GramScale.CHW, kind=StyleLoss.MEAN_PER_CHW, least_power=0)
    now = features(3, 12, 1).requires_grad_()
    assert torch.autograd.gradcheck(lambda f: gram_loss(moment_sums(f).mean(), target), now)


def test_the_normalized_gram_loss_takes_the_power_of_a_style_without_features_for_the_least_one() -> None:
    moments = moment_sums(torch.zeros_like(P)).mean()
    target = gram_target(moments, positions=4, scale=GramScale.HW, kind=StyleLoss.NORMALIZED, least_power=0.5)
    assert target.scale == pytest.approx(1 / (2 * 0.5) ** 2)  # two channels
