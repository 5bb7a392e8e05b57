import pytest
import torch
from torch import Tensor

from nst_engine.losses.sampled.earth_mover import (
    color_distance,
    mean_and_covariance,
    moment_distance,
    relaxed_earth_mover,
)
from nst_engine.losses.sampled.self_similarity import self_similarity_loss


def rows(count: int, size: int, seed: int) -> Tensor:
    return torch.randn(count, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_the_relaxed_earth_mover_distance_is_the_larger_of_both_directions() -> None:
    """C = [[0], [1]]: a row costs 1/2 in the mean, the only column nothing."""
    both, one = torch.tensor([[1.0, 0.0], [0.0, 3.0]]), torch.tensor([[2.0, 0.0]])
    assert relaxed_earth_mover(both, one).item() == pytest.approx(1 / 2)
    assert relaxed_earth_mover(one, both).item() == pytest.approx(1 / 2)


def test_the_color_distance_is_the_cosine_distance_plus_the_euclidean_one() -> None:
    """White against black: opposite directions, cost 2; each of three channels differs by 1, so that d² / 3 is 1."""
    white, black = torch.full((1, 3), 0.5), torch.full((1, 3), -0.5)
    assert color_distance(white, black).item() == pytest.approx(2 + 1, abs=1e-3)  # the basis has three decimals


def test_the_distance_of_equal_colors_is_the_floor_of_the_root() -> None:
    white = torch.full((1, 3), 0.5)
    assert color_distance(white, white).item() == pytest.approx((1e-5 / 3) ** 0.5, abs=1e-6)


def test_the_moment_distance_equals_the_hand_computed_value() -> None:
    """The mean is (1, 0), the covariance [[1, 0], [0, 0]]: 1/2 and 1/4 away from zeros."""
    x = torch.tensor([[0.0, 0.0], [2.0, 0.0]])
    assert moment_distance(x, torch.zeros(2), torch.zeros(2, 2)).item() == pytest.approx(1 / 2 + 1 / 4)
    assert moment_distance(x, *mean_and_covariance(x)).item() == 0


def test_the_self_similarity_loss_equals_the_hand_computed_value() -> None:
    """Divided by the sums of its columns, D differs by 4 times 1/6 and 2 times 1/3: 3 · (4/3) / 9."""
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])  # D = [[0, 1, 2], [1, 0, 1], [2, 1, 0]]
    content = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])  # D = [[0, 1, 1], [1, 0, 2], [1, 2, 0]]
    assert self_similarity_loss(x, content).item() == pytest.approx(4 / 9)
    assert self_similarity_loss(2 * x, x).item() == pytest.approx(0, abs=1e-6)


def test_the_gradients_equal_finite_differences() -> None:
    now, style = rows(6, 3, 1).requires_grad_(), rows(5, 3, 2)
    moments = mean_and_covariance(style)
    losses = (
        lambda x: relaxed_earth_mover(x, style),
        lambda x: relaxed_earth_mover(x, style[:2]),
        lambda x: color_distance(x, style),
        lambda x: color_distance(x, style[:2]),
        lambda x: moment_distance(x, *moments),
        lambda x: self_similarity_loss(x, rows(6, 3, 3)),
    )
    for loss in losses:
        assert torch.autograd.gradcheck(loss, now)
