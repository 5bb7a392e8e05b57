from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nst_engine.losses.moments import blend, moment_sums
from nst_engine.losses.objective import Evaluation, Objective
from nst_engine.losses.pixel_range import range_loss
from nst_engine.losses.total_variation import total_variation
from nst_engine.networks.features import Network
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.enums import ContentLoss
from tests.nst_engine.losses.tiny_features import F, P
from tests.nst_engine.tiny import DEEP, SHALLOW, config, network, objective, picture

DOUBLE = torch.float64


class Identity(nn.Module):
    """Give the network input itself as features."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {DEEP: x}


def hand_computed(**changes: Any) -> Evaluation:
    """Evaluate an image whose features are F, with content and style whose features are P; the third channel is 0."""
    on = Network(Identity().double())
    now, target = (on.denormalize(torch.cat([f, torch.zeros(1, 1, 2, 2)], 1).double()) for f in (F, P))
    inputs = {name: changes.pop(name) for name in ("masks", "tile", "style_tile") if name in changes}
    values = config(style_layers={DEEP: 1.0}, **changes)
    return Objective(on, values, content=target, styles=[target], **inputs).evaluate(now)


@pytest.mark.parametrize("tiles", [{}, {"tile": 64, "style_tile": 64}])
def test_losses_equal_the_hand_computed_values(tiles: dict[str, int]) -> None:
    """The sums over F, P, G and A are worked out in test_content.py and test_gram.py."""
    mean = hand_computed(content_weight=2.0, content_loss="mean", style_loss="sum", gram_scale="none", **tiles)
    assert mean.content.item() == pytest.approx(2 * 11 / 12)
    assert mean.style.item() == pytest.approx(351)
    assert mean.loss.item() == pytest.approx(2 * 11 / 12 + 351)
    scaled = hand_computed(content_loss="half_sum", style_loss="mean", gram_scale="chw", style_weight=3.0, **tiles)
    assert scaled.content.item() == pytest.approx(11 / 2)
    assert scaled.style.item() == pytest.approx(3 * 351 / 9 / 12**2)
    normalized = hand_computed(content_loss="normalised", style_loss="normalised", **tiles)
    assert normalized.content.item() == pytest.approx(11 / 12 / ((17 - 81 / 12) / 11))  # ΣP² = 17, ΣP = 9
    assert normalized.style.item() == pytest.approx(351 / 187)


@pytest.mark.parametrize("tiles", [{}, {"tile": 64, "style_tile": 64}])
def test_a_mask_takes_the_mean_over_its_own_positions(tiles: dict[str, int]) -> None:
    """F in the left column is (1, 0), (3, 0): G / 2 = [[5, 0], [0, 0]] against A / 4 = [[3, 3/4], [3/4, 5/4]]."""
    mask = torch.tensor([[1.0, 0.0], [1.0, 0.0]]).double()
    found = hand_computed(masks=[mask], style_loss="sum", gram_scale="hw", **tiles)
    assert found.style.item() == pytest.approx(2**2 + 2 * 0.75**2 + 1.25**2)


def slope_by_differences(asked: Objective, image: Tensor, direction: Tensor, width: float = 1e-6) -> float:
    """Return the derivative of the loss along a direction, by central differences."""
    above, below = asked.evaluate(image + width * direction), asked.evaluate(image - width * direction)
    return float((above.loss - below.loss) / (2 * width))


def worst_slope(asked: Objective, image: Tensor) -> float:
    """Return the largest relative error of the gradient over some directions."""
    gradient = asked.evaluate(image).gradient
    generator = torch.Generator().manual_seed(3)
    found = []
    for _ in range(4):
        direction = torch.randn(image.shape, dtype=DOUBLE, generator=generator)
        expected = float((gradient * direction).sum())
        found.append(abs(slope_by_differences(asked, image, direction) - expected) / abs(expected))
    return max(found)


def gram(features: Tensor) -> Tensor:
    """Return F Fᵀ, (C, C), unnormalized (Gatys et al. 2015)."""
    flat = features[0].flatten(1)
    return flat @ flat.T


def image(height: int = 10, width: int = 9) -> Tensor:
    """Return pixels some of which lie outside [0, 1]."""
    return (picture(height, width, 5, DOUBLE)[None] - 0.5) * 1.6 + 0.5


KINDS = [
    config(content_loss="mean", style_loss="mean", gram_scale="chw"),
    config(content_loss="half_sum", style_loss="sum", gram_scale="none"),
    config(content_loss="normalised", style_loss="normalised", range_weight=3.0),
    config(style_loss="mean_per_chw", gram_scale="none"),
    config(style_statistic="wasserstein", tv_weight=0.5, tv_loss="mean_eight"),
    config(tv_weight=0.1, tv_loss="l1"),
    config(tv_weight=0.1, tv_loss="l2"),
    config(tv_weight=0.1, tv_loss="l2", input_convention="mean255"),
    config(tv_weight=0.1, tv_loss="l1", input_convention="caffe"),
    config(style_weight=0.0),
    config(content_weight=0.0),
]


@pytest.mark.parametrize("values", KINDS, ids=range(len(KINDS)))
def test_the_gradient_equals_finite_differences(values: StyleConfig) -> None:
    on = network(DOUBLE, convention=values.input_convention)
    assert worst_slope(objective(values, on=on), image()) < 1e-6


@pytest.mark.parametrize("statistic", ["gram", "wasserstein"])
def test_the_gradient_with_masks_equals_finite_differences(statistic: str) -> None:
    left = (torch.arange(9) < 4).to(DOUBLE).expand(10, 9)
    styles = [picture(8, 11, seed, DOUBLE)[None] for seed in (2, 3)]
    asked = objective(config(style_statistic=statistic, style_blend=(3, 1)), styles=styles, masks=[left, 1 - left])
    assert worst_slope(asked, image()) < 1e-6


def test_every_entry_of_the_gradient_equals_its_finite_difference() -> None:
    content = picture(4, 3, 1, DOUBLE)[None]
    asked = objective(config(tv_weight=0.2, range_weight=1.0), content=content)
    start = image(4, 3)
    gradient = asked.evaluate(start).gradient.flatten()
    units = torch.eye(start.numel(), dtype=DOUBLE).view(-1, *start.shape[1:])
    by_differences = torch.tensor([slope_by_differences(asked, start, unit[None]) for unit in units], dtype=DOUBLE)
    assert torch.allclose(gradient, by_differences, rtol=1e-6, atol=1e-8)


def test_the_losses_are_the_weighted_sums_over_layers() -> None:
    values = config(content_weight=3.0, style_weight=7.0, tv_weight=0.5, gram_scale="none", style_loss="sum")
    found = objective(values).evaluate(image())
    net = network(DOUBLE)
    now, style, content = (
        net.features(x) for x in (image(), picture(8, 11, 2, DOUBLE)[None], picture(10, 9, 1, DOUBLE)[None])
    )
    # F Fᵀ of the style, as if it had the size of the picture that is made: 8 x 11 pixels against 10 x 9.
    terms = [
        weight * (gram(now[name]) - gram(style[name]) * size).square().sum()
        for name, weight, size in ((SHALLOW, 1.0, 90 / 88), (DEEP, 0.5, 25 / 24))
    ]
    assert found.style.item() == pytest.approx(7 * float(sum(terms)))
    assert found.content.item() == pytest.approx(3 * float((now[DEEP] - content[DEEP]).square().mean()))
    assert found.tv.item() == pytest.approx(0.5 * float(total_variation(image(), values.tv_loss)[0]))
    assert found.loss.item() == pytest.approx(float(found.content + found.style + found.tv))


def test_the_range_penalty_counts_in_the_loss() -> None:
    plain, with_range = (objective(config(range_weight=w)).evaluate(image()).loss for w in (0.0, 10.0))
    assert (with_range - plain).item() == pytest.approx(10 * float(range_loss(image())))


def test_strength_moves_the_style_weight_by_two_decades_either_way() -> None:
    weak, middle, strong = (objective(config(strength=s)).evaluate(image()).style.item() for s in (0, 0.5, 1))
    assert (weak * 100, strong / 100) == (pytest.approx(middle), pytest.approx(middle))


def test_a_weight_of_zero_leaves_a_layer_out() -> None:
    both = objective(config(style_layers={SHALLOW: 1.0, DEEP: 0.0})).evaluate(image()).style
    one = objective(config(style_layers={SHALLOW: 1.0})).evaluate(image()).style
    assert both.item() == one.item() > 0


def test_the_content_loss_is_zero_at_the_content() -> None:
    for kind in (ContentLoss.MEAN, ContentLoss.HALF_SUM, ContentLoss.NORMALIZED):
        asked = objective(config(content_loss=kind, style_weight=0.0))
        assert asked.evaluate(picture(10, 9, 1, DOUBLE)[None]).content.item() == pytest.approx(0, abs=1e-12)


def test_blend_weights_mix_the_moments_of_the_styles() -> None:
    styles = [picture(8, 11, seed, DOUBLE)[None] for seed in (2, 3)]
    values = config(style_blend=(3, 1), style_layers={DEEP: 1.0}, gram_scale="hw", style_loss="sum")
    found = objective(values, styles=styles).evaluate(image()).style
    net = network(DOUBLE)
    now, *parts = (moment_sums(net.features(x)[DEEP]).mean() for x in (image(), *styles))
    assert found.item() == pytest.approx(float((now.second - blend(parts, [3, 1]).second).square().sum()))


def test_a_blend_weight_of_zero_leaves_a_style_out() -> None:
    styles = [picture(8, 11, seed, DOUBLE)[None] for seed in (2, 3)]
    both = objective(config(style_blend=(1, 0)), styles=styles).evaluate(image())
    one = objective(config(), styles=styles[:1]).evaluate(image())
    assert both.loss.item() == pytest.approx(one.loss.item())


def test_a_mask_that_is_white_everywhere_changes_nothing() -> None:
    masked = objective(config(), masks=[torch.ones(10, 9, dtype=DOUBLE)]).evaluate(image())
    plain = objective(config()).evaluate(image())
    assert torch.allclose(masked.gradient, plain.gradient)


def test_a_style_pulls_only_where_its_mask_is() -> None:
    """The shallow layer sees one pixel around: columns from 5 on have nothing to do with columns up to 3."""
    left = (torch.arange(9) < 4).to(DOUBLE).expand(10, 9)
    values = config(content_weight=0.0, style_layers={SHALLOW: 1.0})
    gradient = objective(values, masks=[left]).evaluate(image()).gradient
    assert gradient[..., 5:].abs().max() == 0
    assert gradient[..., :4].abs().min() > 0


def test_a_black_mask_leaves_its_style_out() -> None:
    styles = [picture(8, 11, seed, DOUBLE)[None] for seed in (2, 3)]
    white, black = torch.ones(10, 9, dtype=DOUBLE), torch.zeros(10, 9, dtype=DOUBLE)
    both = objective(config(), styles=styles, masks=[white, black]).evaluate(image()).style
    one = objective(config(), styles=styles[:1], masks=[white]).evaluate(image()).style
    assert both.item() == pytest.approx(one.item() / 2)


def test_evaluating_leaves_the_image_alone() -> None:
    start = image()
    before = start.clone()
    objective(config()).evaluate(start)
    assert torch.equal(start, before)
    assert not start.requires_grad
