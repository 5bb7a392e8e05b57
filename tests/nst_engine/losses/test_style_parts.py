"""Which layers of a style count, and which part of its image."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nst_engine.losses.objective import Objective
from nst_engine.networks.features import Network, NetworkSpec
from nst_engine.spec.errors import ConfigError
from tests.nst_engine.tiny import DEEP, SHALLOW, config, network, objective, picture

DOUBLE = torch.float64
STYLES = [picture(8, 11, seed, DOUBLE)[None] for seed in (2, 3)]
IMAGE = picture(10, 9, 5, DOUBLE)[None]
EACH_ITS_OWN = {"layers_per_style": ({SHALLOW: 1.0}, {DEEP: 0.5})}
SAMPLES: dict[str, Any] = {
    "style_weight": 0.0,
    "hypercolumn_layers": {"rgb": 1.0, DEEP: 1.0},
    "hypercolumn_scale": "none",
    "matching_layers": {DEEP: 1.0},
    "matching_stride": 1,
    "style_samples": 1000,
}


class Pixels(nn.Module):
    """Gives the pixels as features."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {DEEP: x}


def gram(features: Tensor) -> Tensor:
    flat = features[0].flatten(1)
    return flat @ flat.T / flat.shape[1]


def style_loss(styles: list[Tensor], **changes: Any) -> float:
    asked = objective(config(**changes), styles=styles)
    asked.draw(0, IMAGE)
    return asked.evaluate(IMAGE).style.item()


def test_two_styles_with_complementary_layers_have_the_losses_computed_by_hand() -> None:
    now, first, second = (network(DOUBLE).features(x) for x in (IMAGE, *STYLES))
    shallow = (gram(now[SHALLOW]) - gram(first[SHALLOW])).square().sum()
    deep = (gram(now[DEEP]) - gram(second[DEEP])).square().sum()
    found = style_loss(STYLES, style_loss="sum", gram_scale="hw", style_weight=3.0, **EACH_ITS_OWN)
    assert found == pytest.approx(float(3 * (1.0 * shallow + 0.5 * deep)), rel=1e-12)


@pytest.mark.parametrize("kind", [{"style_statistic": "wasserstein"}, {"style_weight": 0.0, "histogram_weight": 2.0}])
def test_each_statistic_takes_the_layers_of_each_style(kind: dict[str, Any]) -> None:
    alone = [
        style_loss([style], style_layers=layers, **kind)
        for style, layers in zip(STYLES, EACH_ITS_OWN["layers_per_style"], strict=True)
    ]
    assert style_loss(STYLES, **EACH_ITS_OWN, **kind) == pytest.approx(sum(alone), rel=1e-9)


def test_styles_share_a_layer_by_blend_and_weight() -> None:
    """The first has 3 of 4 parts at relu1_1, and relu2_1 alone."""
    layers = {"layers_per_style": ({SHALLOW: 1.0, DEEP: 0.5}, {SHALLOW: 1.0})}
    found = style_loss(STYLES, style_blend=(3, 1), **layers)
    shallow = style_loss(STYLES, style_blend=(3, 1), style_layers={SHALLOW: 1.0})
    assert found == pytest.approx(shallow + style_loss(STYLES[:1], style_layers={DEEP: 0.5}), rel=1e-9)


def test_a_style_without_layers_has_style_layers_and_the_network_reaches_all() -> None:
    values = config(style_layers={SHALLOW: 1.0}, layers_per_style=";relu3_1", content_layers={SHALLOW: 1.0})
    assert NetworkSpec.of(values).layers == (SHALLOW, "relu3_1")


def test_losses_that_have_other_layers_refuse_layers_per_style_by_name() -> None:
    with pytest.raises(ConfigError, match="does not apply to moment_weight, remd_weight: set that to 0"):
        config(layers_per_style="style1;style2", remd_weight=1.0, moment_weight=1.0, draw_every=5)


KINDS: dict[str, dict[str, Any]] = {
    "gram": {},
    "wasserstein": {"style_statistic": "wasserstein"},
    "sliced and histogram": {**SAMPLES, "sliced_weight": 1.0, "histogram_weight": 1.0, "style_loss": "normalised"},
    "matching": {**SAMPLES, "matching_weight": 1.0},
    "matching by layer": {**SAMPLES, "layer_matching_weight": 1.0},
    "earth mover and moments": {**SAMPLES, "remd_weight": 1.0, "moment_weight": 1.0, "color_weight": 1.0},
}


@pytest.mark.parametrize("turns", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_masked_style_counts_as_the_part_that_its_mask_shows(kind: str, turns: bool) -> None:
    values = config(**KINDS[kind], style_layers={DEEP: 1.0}, style_turns=turns)
    left = (torch.arange(11) < 4).to(DOUBLE).expand(8, 11)
    found = []
    for style, masks in ((STYLES[0], [left]), (STYLES[0][..., :4], None)):
        on, content = Network(Pixels().double()), picture(10, 9, 1, DOUBLE)[None]
        asked = Objective(on, values, content=content, styles=[style], style_masks=masks)
        asked.draw(0, IMAGE)
        found.append(asked.evaluate(IMAGE))
    assert found[0].style.item() == pytest.approx(found[1].style.item(), rel=1e-9)
    assert torch.allclose(found[0].gradient, found[1].gradient, rtol=1e-9)


def test_a_style_may_be_so_small_that_a_layer_is_far_smaller_than_its_stride_says() -> None:
    """Inception v3 does not pad: of 95 pixels, 4 are left at stride 16."""

    class Unpadded(nn.Module):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {DEEP: nn.functional.avg_pool2d(x, 32, stride=21)}

    style = picture(95, 95, 2, DOUBLE)[None]
    values = config(style_layers={DEEP: 1.0}, content_layers={DEEP: 1.0})
    given = {"content": style, "styles": [style], "style_masks": [torch.ones(95, 95, dtype=DOUBLE)]}
    asked = Objective(Network(Unpadded().double()), values, **given)
    assert asked.evaluate(style).style.item() == pytest.approx(0, abs=1e-12)


def test_a_mask_may_lie_between_the_positions_that_a_loss_reads() -> None:
    dot = torch.zeros(8, 11, dtype=DOUBLE)
    dot[3, 3] = 1.0
    values = config(**{**KINDS["matching by layer"], "matching_cells": 3}, style_layers={DEEP: 1.0})
    asked = objective(values, styles=STYLES[:1], style_masks=[dot])
    assert bool(asked.evaluate(IMAGE).style > 0)
