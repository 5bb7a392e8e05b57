import pytest
import torch

from nst_engine.losses.moments import Moments, blend, moment_sums, moments_vjp

# Two channels, three positions.
FEATURES = torch.tensor([[1.0, 2.0, 3.0], [0.0, 1.0, -1.0]]).view(1, 2, 1, 3)


def test_moments_are_means_over_positions() -> None:
    found = moment_sums(FEATURES).mean()
    assert torch.allclose(found.second, torch.tensor([[14.0, -1.0], [-1.0, 2.0]]) / 3)
    assert torch.equal(found.first, torch.tensor([2.0, 0.0]))


def test_the_covariance_is_that_of_the_population() -> None:
    found = moment_sums(FEATURES).mean().covariance
    assert torch.allclose(found, torch.cov(FEATURES[0].flatten(1), correction=0))


def test_a_weight_of_one_and_zero_chooses_positions() -> None:
    found = moment_sums(FEATURES, torch.tensor([[1.0, 0.0, 1.0]])).mean()
    chosen = moment_sums(FEATURES[..., [0, 2]]).mean()
    assert torch.allclose(found.second, chosen.second)
    assert torch.allclose(found.first, chosen.first)


def test_a_weight_of_two_counts_a_position_twice() -> None:
    found = moment_sums(FEATURES, torch.tensor([[2.0, 1.0, 1.0]])).mean()
    twice = moment_sums(FEATURES[..., [0, 0, 1, 2]]).mean()
    assert torch.allclose(found.second, twice.second)
    assert torch.allclose(found.first, twice.first)


def test_sums_of_parts_add_up_to_the_whole() -> None:
    added = (moment_sums(FEATURES[..., :1]) + moment_sums(FEATURES[..., 1:])).mean()
    whole = moment_sums(FEATURES).mean()
    assert torch.allclose(added.second, whole.second)
    assert torch.allclose(added.first, whole.first)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_by_features_equals_autograd_s(weighted: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1, 3, 2, 4, dtype=torch.float64, generator=generator).requires_grad_()
    weight = torch.rand(2, 4, dtype=torch.float64, generator=generator) if weighted else None
    by_outer, by_total = (torch.randn(*size, dtype=torch.float64, generator=generator) for size in ((3, 3), (3,)))
    found = moment_sums(features, weight)
    (expected,) = torch.autograd.grad((found.outer * by_outer).sum() + (found.total * by_total).sum(), features)
    assert torch.allclose(moments_vjp(features.detach(), weight, by_outer + by_outer.T, by_total), expected)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("side", [11, 16, 19])  # less than a row of positions, two whole rows, rows and a rest
def test_products_by_convolution_equal_matrix_products(side: int, memory_format: torch.memory_format) -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1, 6, side, side, generator=generator).contiguous(memory_format=memory_format)
    weight = torch.rand(side, side, generator=generator)
    flat = features.flatten(2)[0]
    expected = flat * weight.flatten() @ flat.T
    assert torch.allclose(moment_sums(features, weight).outer, expected, rtol=1e-5, atol=1e-4)
    by_outer = torch.randn(6, 6, generator=generator)
    expected = ((by_outer + by_outer.T) @ (flat * weight.flatten())).view_as(features)
    assert torch.allclose(moments_vjp(features, weight, by_outer + by_outer.T, None), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("capability", ["AVX2", "AVX512"])
def test_products_of_many_channels_are_the_same_on_every_cpu(capability: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    generator = torch.Generator().manual_seed(0)
    features, weight = torch.randn(1, 67, 12, 13, generator=generator), torch.rand(12, 13, generator=generator)
    flat = features.flatten(2)[0]
    expected = flat * weight.flatten() @ flat.T
    assert torch.allclose(moment_sums(features, weight).outer, expected, rtol=1e-5, atol=1e-4)


def test_the_gradient_has_the_dtype_of_the_features() -> None:
    generator = torch.Generator().manual_seed(0)
    features, by_outer = torch.rand(1, 6, 9, 8, generator=generator).bfloat16(), torch.rand(6, 6, generator=generator)
    weight = torch.rand(9, 8, generator=generator)
    exact, found = (moments_vjp(f, weight, by_outer + by_outer.T, None) for f in (features.float(), features))
    assert found.dtype is torch.bfloat16
    assert torch.allclose(found.float(), exact, rtol=0.02)


def test_sums_of_bfloat16_are_off_by_a_small_part_of_their_difference_from_the_reference() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(1, 6, 40, 30, generator=generator).bfloat16()
    exact = moment_sums(features.double()).mean().second
    reference = exact * (1 + 0.01 * torch.rand(6, 6, generator=generator))
    found = moment_sums(features, first=False, reference=reference.float()).mean().second
    assert (found - exact).norm() < 0.01 * (reference - exact).norm()


def test_a_blend_is_the_weighted_mean() -> None:
    one = Moments(torch.ones(2, 2), torch.tensor([1.0, 0.0]))
    other = Moments(torch.zeros(2, 2), torch.tensor([0.0, 4.0]))
    found = blend([one, other], [3.0, 1.0])
    assert torch.equal(found.second, torch.full((2, 2), 0.75))
    assert torch.equal(found.first, torch.tensor([0.75, 1.0]))
