import pytest
import torch

from nst_engine.losses.content import content_loss, content_target
from nst_engine.spec.enums import ContentLoss
from tests.nst_engine.losses.tiny_features import F, P, features, finite_differences

COMPARING = (ContentLoss.MEAN, ContentLoss.HALF_SUM, ContentLoss.NORMALIZED)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (ContentLoss.MEAN, 11 / 8),  # Σ(F − P)² = 0+1+4+1 + 4+0+0+1 = 11, over 8 values
        (ContentLoss.HALF_SUM, 5.5),
        (ContentLoss.NORMALIZED, 11 / 8 / (55 / 56)),  # var(P) = (17 − 81/8) / 7 = 55/56
    ],
)
def test_the_content_loss_equals_the_hand_computed_value(kind: ContentLoss, expected: float) -> None:
    assert content_loss(F, content_target(P, kind, least_power=0))[0].item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("kind", COMPARING)
def test_the_content_loss_of_the_target_itself_is_zero(kind: ContentLoss) -> None:
    assert content_loss(P, content_target(P, kind, least_power=0))[0].item() == 0


def test_the_normalized_content_loss_takes_the_variance_of_a_constant_target_for_the_least_power() -> None:
    target = content_target(torch.ones_like(F), ContentLoss.NORMALIZED, least_power=0.25)
    assert target.scale * F.numel() == pytest.approx(1 / 0.25)


@pytest.mark.parametrize("kind", COMPARING)
def test_the_losses_of_crops_add_up_to_that_of_the_whole(kind: ContentLoss) -> None:
    target, rows = content_target(P, kind, least_power=0), slice(0, 2)
    parts = [content_loss(F[..., columns], target.crop(rows, columns))[0] for columns in (slice(0, 1), slice(1, 2))]
    assert sum(parts).item() == pytest.approx(content_loss(F, target)[0].item())  # type: ignore[union-attr]


def test_the_gradient_of_the_content_loss_equals_finite_differences() -> None:
    target = content_target(features(3, 8, 2), ContentLoss.NORMALIZED, least_power=0)
    f = features(3, 8, 1)
    expected = finite_differences(lambda f: content_loss(f, target, 0.7)[0], f)
    assert torch.allclose(content_loss(f, target, 0.7)[1], expected, rtol=1e-6)
