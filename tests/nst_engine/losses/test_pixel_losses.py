"""Total variation and range loss, which look at pixels and not at features."""

import pytest
import torch

from nst_engine.losses.pixel_range import range_loss
from nst_engine.losses.total_variation import total_variation
from nst_engine.spec.enums import TvLoss
from tests.nst_engine.losses.tiny_features import finite_differences

# One channel of three would do; the image has one to keep the sums short.
IMAGE = torch.tensor([[1.0, 2.0, 4.0], [1.0, 0.0, 3.0]]).view(1, 1, 2, 3)


def test_the_total_variations_equal_the_hand_computed_values() -> None:
    # dx: 1 2 / −1 3; dy: 0 −2 −1
    assert total_variation(IMAGE, TvLoss.L1)[0].item() == 10
    assert total_variation(IMAGE, TvLoss.L2)[0].item() == 15 + 5


def test_the_total_variation_of_eight_neighbors_equals_the_hand_computed_value() -> None:
    """The image with its border repeated is 4 x 5; each mean is over that image's differences."""
    # rows 1 1 2 4 4, twice, and 1 1 0 3 3, twice
    dx = (2 * (1 + 4) + 2 * (1 + 9)) / 16
    dy = (0 + 0 + 4 + 1 + 1) / 15  # between the two middle rows
    down = ((0 + 1 + 4 + 0) + (0 + 1 + 1 + 1) + (0 + 1 + 9 + 0)) / 12  # below right minus here
    up = ((0 + 1 + 4 + 0) + (0 + 1 + 16 + 1) + (0 + 1 + 9 + 0)) / 12  # below left minus above right
    expected = 2 * ((dx + dy) / 3 + (down + up) / 12)
    assert total_variation(IMAGE, TvLoss.MEAN_EIGHT)[0].item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("kind", TvLoss)
def test_a_flat_image_has_no_total_variation(kind: TvLoss) -> None:
    assert total_variation(torch.full((1, 3, 5, 4), 0.3), kind)[0].item() == 0


def test_the_range_loss_is_the_mean_square_of_what_lies_outside() -> None:
    image = torch.tensor([-0.5, 0.0, 0.7, 1.2]).view(1, 1, 2, 2)
    assert range_loss(image).item() == pytest.approx((0.25 + 0.04) / 4)


@pytest.mark.parametrize("kind", TvLoss)
def test_the_gradient_of_the_total_variation_equals_finite_differences(kind: TvLoss) -> None:
    image = torch.rand(1, 3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = finite_differences(lambda x: total_variation(x, kind, 0.7)[0], image)
    assert torch.allclose(total_variation(image, kind, 0.7)[1], expected)


def test_the_gradient_of_the_range_loss_equals_finite_differences() -> None:
    image = torch.rand(1, 3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 1.4 - 0.2
    assert torch.autograd.gradcheck(range_loss, image.requires_grad_())
