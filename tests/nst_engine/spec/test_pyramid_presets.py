"""What `strotss` and `nnst` do at each scale."""

import pytest

from nst_engine.spec.layers import NETWORKS, resolve_columns
from nst_engine.spec.presets import PRESETS
from nst_engine.spec.schedule import schedule

VGG_CHANNELS = {"1": 64, "2": 128, "3": 256, "4": 512, "5": 512}


@pytest.mark.parametrize(("name", "values"), [("strotss", 2179), ("nnst", 2688)])
def test_a_hypercolumn_has_as_many_values_as_its_system_says(name: str, values: int) -> None:
    layers = resolve_columns(PRESETS[name].config.hypercolumn_layers, NETWORKS["vgg16"])
    assert sum(3 if layer == "rgb" else VGG_CHANNELS[layer[4]] for layer in layers) == values


@pytest.mark.parametrize(
    ("name", "sides", "steps"),
    [("strotss", [64, 128, 256, 512], [250] * 4), ("nnst", [64, 128, 256, 512, 512], [200] * 5)],
)
def test_a_system_in_a_pyramid_has_the_scales_of_its_paper(name: str, sides: list[int], steps: list[int]) -> None:
    scales = schedule(PRESETS[name].config, 600, 800)
    assert [scale.width for scale in scales] == sides
    assert [scale.steps for scale in scales] == steps


def test_the_last_scale_of_strotss_has_half_the_rate_and_an_eighth_of_alpha() -> None:
    values = [PRESETS["strotss"].config.at_scale(index, 4) for index in range(4)]
    assert [v.learning_rate for v in values] == [2e-3, 2e-3, 2e-3, 1e-3]
    assert [v.content_weight for v in values] == [16, 8, 4, 2]


def test_nnst_matches_hypercolumns_first_and_each_layer_in_the_final_pass() -> None:
    values = [PRESETS["nnst"].config.at_scale(index, 5).sampled_weights for index in range(5)]
    assert values == [{"matching_weight": 1.0}] * 4 + [{"layer_matching_weight": 1.0}]
