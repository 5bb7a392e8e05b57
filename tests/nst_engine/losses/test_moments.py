import pytest
import torch

from nst_engine.losses.moments import Moments, Sums, blend, gram, moments, normalised, pull, sums

# Two channels, three positions.
FEATURES = torch.tensor([[1.0, 2.0, 3.0], [0.0, 1.0, -1.0]]).view(1, 2, 1, 3)


def test_a_gram_matrix_is_the_sum_of_products_over_positions() -> None:
    assert torch.equal(gram(FEATURES), torch.tensor([[14.0, -1.0], [-1.0, 2.0]]))


def test_moments_are_means_over_positions() -> None:
    found = moments(FEATURES)
    assert torch.allclose(found.second, torch.tensor([[14.0, -1.0], [-1.0, 2.0]]) / 3)
    assert torch.equal(found.first, torch.tensor([2.0, 0.0]))


def test_the_covariance_is_that_of_the_population() -> None:
    found = moments(FEATURES).covariance
    assert torch.allclose(found, torch.cov(FEATURES[0].flatten(1), correction=0))


def test_a_weight_of_one_and_zero_chooses_positions() -> None:
    found = moments(FEATURES, torch.tensor([[1.0, 0.0, 1.0]]))
    chosen = moments(FEATURES[..., [0, 2]])
    assert torch.allclose(found.second, chosen.second)
    assert torch.allclose(found.first, chosen.first)


def test_a_weight_of_two_counts_a_position_twice() -> None:
    found = moments(FEATURES, torch.tensor([[2.0, 1.0, 1.0]]))
    twice = moments(FEATURES[..., [0, 0, 1, 2]])
    assert torch.allclose(found.second, twice.second)
    assert torch.allclose(found.first, twice.first)


def test_sums_of_parts_add_up_to_the_whole() -> None:
    left, right = sums(FEATURES[..., :1]), sums(FEATURES[..., 1:])
    added = Sums(left.outer + right.outer, left.total + right.total, left.count + right.count)
    whole = moments(FEATURES)
    assert torch.allclose(normalised(added).second, whole.second)
    assert torch.allclose(normalised(added).first, whole.first)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_by_features_equals_autograd_s(weighted: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1, 3, 2, 4, dtype=torch.float64, generator=generator).requires_grad_()
    weight = torch.rand(2, 4, dtype=torch.float64, generator=generator) if weighted else None
    outer, total = (torch.randn(*size, dtype=torch.float64, generator=generator) for size in ((3, 3), (3,)))
    outer = outer + outer.T
    found = sums(features, weight)
    (expected,) = torch.autograd.grad((found.outer * outer).sum() + (found.total * total).sum(), features)
    assert torch.allclose(pull(features.detach(), weight, outer, total), expected)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("side", [11, 16, 19])  # less than a row of positions, two whole rows, rows and a rest
def test_products_by_convolution_equal_matrix_products(side: int, memory_format: torch.memory_format) -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1, 6, side, side, generator=generator).contiguous(memory_format=memory_format)
    weight = torch.rand(side, side, generator=generator)
    flat = features.flatten(2)[0]
    expected = flat * weight.flatten() @ flat.T
    found = sums(features, weight).outer
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-4)
    outer = torch.randn(6, 6, generator=generator)
    outer = outer + outer.T
    expected = 2 * (outer @ (flat * weight.flatten())).view_as(features)
    assert torch.allclose(pull(features, weight, outer, None), expected, rtol=1e-5, atol=1e-4)


def test_the_gradient_has_the_arithmetic_of_the_features() -> None:
    generator = torch.Generator().manual_seed(0)
    features, outer = torch.rand(1, 6, 9, 8, generator=generator).bfloat16(), torch.rand(6, 6, generator=generator)
    exact, found = (
        pull(f, torch.rand(9, 8, generator=generator.manual_seed(1)), outer, None) for f in (features.float(), features)
    )
    assert found.dtype is torch.bfloat16
    assert torch.allclose(found.float(), exact, rtol=0.02)


def test_sums_of_bfloat16_are_off_by_a_small_part_of_what_they_are_compared_by() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(1, 6, 40, 30, generator=generator).bfloat16()
    exact = moments(features.double()).second
    near = exact * (1 + 0.01 * torch.rand(6, 6, generator=generator))
    found = normalised(sums(features, first=False, near=near.float())).second
    assert (found - exact).norm() < 0.01 * (near - exact).norm()


def test_a_blend_is_the_weighted_mean() -> None:
    one = Moments(torch.ones(2, 2), torch.tensor([1.0, 0.0]))
    other = Moments(torch.zeros(2, 2), torch.tensor([0.0, 4.0]))
    found = blend([one, other], [3.0, 1.0])
    assert torch.equal(found.second, torch.full((2, 2), 0.75))
    assert torch.equal(found.first, torch.tensor([0.75, 1.0]))
