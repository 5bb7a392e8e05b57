import pytest
import torch

from nst_engine.losses.sampled import distances
from nst_engine.losses.sampled.distances import cosine_distances, nearest
from nst_engine.losses.sampled.matching import layer_matching_loss, matched, matching_loss

COLUMNS = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
TARGETS = torch.tensor([[0.0, 2.0], [3.0, 3.0]])


def rows(count: int, size: int, seed: int) -> torch.Tensor:
    return torch.randn(count, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_the_matching_loss_equals_the_hand_computed_value() -> None:
    """The first pair is at a right angle, the second has the same direction."""
    assert matching_loss(COLUMNS, TARGETS).item() == pytest.approx(1 / 2)
    assert matching_loss(COLUMNS, TARGETS, torch.tensor([3.0, 1.0])).item() == pytest.approx(3 / 4)


def test_the_match_has_the_smallest_centered_cosine_distance() -> None:
    """Without the mean all of the style point nearly the same way; centered they are (−1, 0), (0, 0) and (1, 0)."""
    style = torch.tensor([[9.0, 9.0], [10.0, 9.0], [11.0, 9.0]])
    query = torch.tensor([[5.0, 1.0], [1.0, 1.0]])
    assert torch.equal(matched(query, style), torch.tensor([[11.0, 9.0], [9.0, 9.0]]))


def test_the_layer_matching_loss_equals_the_hand_computed_value() -> None:
    """Centered, the features are (∓1, 0) and those of the style (∓1, ∓1): every nearest cosine is 1/√2."""
    features, style = torch.tensor([[0.0, 0.0], [2.0, 0.0]]), torch.tensor([[0.0, 0.0], [2.0, 2.0]])
    assert layer_matching_loss(features, style).item() == pytest.approx(1 - 0.5**0.5)


def test_a_position_without_weight_does_not_count() -> None:
    features, style = rows(4, 3, 1), rows(5, 3, 2)
    each = cosine_distances(features - features.mean(0), style - style.mean(0)).min(1).values
    weights = torch.tensor([1.0, 0.0, 0.0, 2.0]).double()
    assert torch.isclose(layer_matching_loss(features, style, weights), (each[0] + 2 * each[3]) / 3)


def test_neighbors_found_in_chunks_are_those_found_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = rows(17, 4, 1), rows(9, 4, 2)
    expected = cosine_distances(x, y).argmin(1)
    monkeypatch.setattr(distances, "CHUNK", 20)
    assert torch.equal(nearest(x, y), expected)


def test_a_row_of_zeros_gives_numbers() -> None:
    features = torch.zeros(2, 3, requires_grad=True)
    matching_loss(features, torch.ones(2, 3)).backward()
    assert features.grad is not None and features.grad.isfinite().all()


def test_the_gradients_equal_finite_differences() -> None:
    now, style = rows(6, 4, 1).requires_grad_(), rows(8, 4, 2)
    weights = torch.rand(6, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    assert torch.autograd.gradcheck(lambda x: matching_loss(x, style[:6], weights), now)
    assert torch.autograd.gradcheck(lambda x: layer_matching_loss(x, style, weights), now)
