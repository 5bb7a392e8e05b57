import pytest
import torch

from nst_engine.losses.sampled.sliced import random_directions, sliced_loss

NOW, STYLE = torch.tensor([[3.0, 1.0]]), torch.tensor([[2.0, 5.0]])


def test_the_sliced_loss_is_the_mean_squared_difference_of_sorted_values() -> None:
    """1 against 2, 3 against 5."""
    assert sliced_loss(NOW, STYLE).item() == pytest.approx((1 + 4) / 2)


def test_it_does_not_depend_on_the_size_of_the_style() -> None:
    assert sliced_loss(NOW, STYLE.repeat(1, 3)).item() == pytest.approx(5 / 2)


def test_a_value_without_weight_does_not_count() -> None:
    """Alone, 3 is the median, and 3.5 is that of the style."""
    assert sliced_loss(NOW, STYLE, torch.tensor([1.0, 0.0])).item() == pytest.approx(0.25)


def test_equal_weights_change_nothing() -> None:
    assert sliced_loss(NOW, STYLE, torch.full((2,), 0.3)).item() == pytest.approx(5 / 2)


def test_a_channel_equal_to_the_style_s_in_any_order_has_no_loss() -> None:
    style = torch.rand(4, 20, generator=torch.Generator().manual_seed(0))
    assert sliced_loss(style.flip(1), style).item() == 0


def test_directions_have_length_one() -> None:
    directions = random_directions(7, torch.Generator().manual_seed(0))
    assert torch.allclose(directions.norm(dim=1), torch.ones(7))


@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_equals_finite_differences(weighted: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    now, style = (torch.randn(3, n, dtype=torch.float64, generator=generator) for n in (8, 13))
    weights = torch.rand(8, dtype=torch.float64, generator=generator) if weighted else None
    assert torch.autograd.gradcheck(lambda x: sliced_loss(x, style, weights), now.requires_grad_())
