"""Each preset against the table of the systems it reproduces."""

from __future__ import annotations

from typing import Any

import pytest

from nst_engine.spec.config import StyleConfig
from nst_engine.spec.errors import ConfigError
from nst_engine.spec.layers import NETWORKS, ROLES, resolve_layers
from nst_engine.spec.presets import PRESETS, resolve
from nst_engine.spec.schedule import schedule

CONV = [f"conv{k}_1" for k in range(1, 6)]
RELU = [f"relu{k}_1" for k in range(1, 6)]

RELU_TO_4_3 = [f"relu{layer}" for layer in ("1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "4_1", "4_2", "4_3")]

TABLE: dict[str, dict[str, Any]] = {
    "five-layer": {
        "model": "vgg19",
        # The first system's loop keeps features that the in-place ReLU behind them then overwrites.
        "content_layers": dict.fromkeys(RELU, 1.0),
        "style_layers": dict.fromkeys(RELU, 1.0),
        "content_loss": "mean",
        "style_loss": "mean_per_chw",
        "gram_scale": "none",
        "content_weight": 1.0,
        "style_weight": 0.01,
        "init": "content",
        "optimizer": "adam",
        "learning_rate": 0.001,
        "max_size": 356,
        "steps": 6000,
        "scales": 1,
    },
    "classic-lbfgs": {
        "model": "vgg19",
        "content_layers": {"conv4_2": 1.0},
        "style_layers": dict.fromkeys(CONV, 1.0),
        "content_loss": "mean",
        "style_loss": "mean",
        "gram_scale": "chw",
        "content_weight": 1.0,
        "style_weight": 1e6,
        "init": "content",
        "optimizer": "lbfgs",
        "size_by": "longest",
        "max_size": 512,
        "steps": 300,
        "scales": 1,
    },
    "from-noise": {
        "model": "vgg19",
        "content_layers": dict.fromkeys(CONV, 1.0),
        "style_layers": dict.fromkeys(CONV, 1.0),
        "content_loss": "half_sum",
        "style_loss": "sum",
        "gram_scale": "none",
        "init": "gaussian",
        "optimizer": "lbfgs",
        "max_size": 512,
        "steps": 500,
        "scales": 1,
    },
    "deep-content": {
        "model": "vgg19",
        "content_layers": {"conv5_2": 1.0},
        "style_layers": dict.fromkeys(CONV, 0.2),
        "content_loss": "mean",
        "style_loss": "mean",
        "gram_scale": "chw",
        "content_weight": 0.01,
        "style_weight": 1e7,
        "optimizer": "adam",
        "learning_rate": 0.001,
        "max_size": 400,
        "steps": 7000,
        "scales": 1,
    },
    "cnn-explorer": {
        "model": "vgg19",
        "content_weight": 1e5,
        "style_weight": 3e4,
        "style_layers": dict.fromkeys(RELU, 0.2),
        "content_loss": "mean",
        "style_loss": "sum",
        "gram_scale": "chw",
        "tv_weight": 1.0,
        "tv_loss": "l1",
        "input_convention": "mean255",
        "optimizer": "lbfgs",
        "line_search": "strong_wolfe",
        "size_by": "height",
        "max_size": 400,
        "steps": 1000,
        "scales": 1,
    },
    "gatys-authors": {
        "model": "vgg19",
        "input_convention": "caffe",
        "content_layers": {"relu4_2": 1.0},
        "style_layers": dict(zip(RELU, (1e3 / c**2 for c in (64, 128, 256, 512, 512)), strict=True)),
        "content_loss": "mean",
        "style_loss": "mean",
        "gram_scale": "hw",
        "content_weight": 1.0,
        "style_weight": 1.0,
        "init": "content",
        "optimizer": "lbfgs",
        "max_size": 800,
        "steps": 700,
        "scales": 2,
    },
    "neural-style": {
        "model": "vgg19",
        "input_convention": "caffe",
        "content_layers": {"relu4_2": 1.0},
        "style_layers": dict.fromkeys(RELU, 1.0),
        "content_loss": "mean",
        "style_loss": "mean",
        "gram_scale": "chw",
        "content_weight": 5.0,
        "style_weight": 100.0,
        "tv_weight": 1e-3,
        "init": "gaussian",
        "init_std": 1e-3,
        "optimizer": "lbfgs",
        "max_size": 512,
        "steps": 1000,
        "scales": 1,
    },
    "multiscale-w2": {
        "model": "vgg19",
        "padding": "replicate",
        "content_layers": {"relu4_2": 1.0},
        "style_layers": dict(zip(RELU, (w / 341 for w in (256, 64, 16, 4, 1)), strict=True)),
        "style_statistic": "wasserstein",
        "content_loss": "mean",
        "content_weight": 0.015,
        "tv_weight": 2.0,
        "tv_loss": "mean_eight",
        "style_upscale": False,
        "optimizer": "adam",
        "learning_rate": 0.02,
        "adam_beta1": 0.9,
        "adam_beta2": 0.99,
        "clamp": "step",
        "average_decay": 0.99,
        "carry_state": True,
        "max_size": 512,
        "min_size": 128,
        "scales": 5,
    },
    "strotss": {
        "model": "vgg16",
        "input_convention": "torchvision",
        "hypercolumn_layers": {"rgb": 1.0, "hypercolumn": 1.0},
        "hypercolumn_scale": "none",
        "content_loss": "self_similarity",
        "content_weight": 16.0,
        "content_decay": 0.5,
        "remd_weight": 1.0,
        "moment_weight": 1.0,
        "color_weight": 1.0,
        "style_weight": 0.0,
        "tv_weight": 0.0,
        "picture_samples": 1024,
        "style_samples": 5000,
        "draw_every": 1,
        "init": "style_mean",
        "detail": 1.0,
        "parameterization": "laplacian",
        "pyramid_levels": 5,
        "optimizer": "rmsprop",
        "learning_rate": 2e-3,
        "final_rate": 0.5,
        "clamp": "end",
        "carry_state": False,
        "max_size": 512,
        "min_size": 64,
        "scale_factor": 2.0,
        "scales": 4,
        "steps": 1000,
    },
    "nnst": {
        "model": "vgg16",
        "hypercolumn_layers": dict.fromkeys(RELU_TO_4_3, 1.0),
        "matching_layers": dict.fromkeys(RELU_TO_4_3, 1.0),
        "hypercolumn_scale": "channels",
        "content_loss": "query",
        "content_weight": 0.75,
        "matching_weight": 1.0,
        "layer_matching_weight": 1.0,
        "style_weight": 0.0,
        "tv_weight": 0.0,
        "matching_stride": 4,
        "matching_cells": 64,
        "matching_every": 0,
        "draw_every": 1,
        "style_turns": True,
        "init": "content",
        "detail": 0.0,
        "parameterization": "laplacian",
        "pyramid_levels": 8,
        "optimizer": "adam",
        "learning_rate": 2e-3,
        "adam_beta1": 0.9,
        "adam_beta2": 0.999,
        "carry_state": False,
        "final_pass": True,
        "color_match": "chroma",
        "max_size": 512,
        "scale_factor": 2.0,
        "scales": 4,
        "steps": 1000,
    },
}


@pytest.mark.parametrize(("name", "field"), [(name, field) for name, row in TABLE.items() for field in row])
def test_a_preset_has_the_value_of_its_system(name: str, field: str) -> None:
    assert getattr(PRESETS[name].config, field) == (
        pytest.approx(TABLE[name][field]) if isinstance(TABLE[name][field], dict) else TABLE[name][field]
    )


@pytest.mark.parametrize("name", [name for name in TABLE if name not in ("multiscale-w2", "strotss", "nnst")])
def test_a_system_of_one_style_statistic_uses_gram_matrices_and_no_tricks_of_ours(name: str) -> None:
    values = PRESETS[name].config
    assert values.style_statistic == "gram"
    assert (values.padding, values.range_weight, values.average_decay, values.plateau) == ("zeros", 0, 0, 0)


def test_there_are_the_twelve_presets() -> None:
    assert set(PRESETS) == {*TABLE, "default", "draft"}


def test_the_draft_is_a_short_default_on_a_small_network_that_any_other_can_run() -> None:
    draft, default = PRESETS["draft"].config, PRESETS["default"].config
    short = {"preset": "draft", "model": "lite-small", "steps": draft.steps, "max_size": draft.max_size}
    short |= {"scale_factor": draft.scale_factor, "scale_shares": draft.scale_shares}
    assert draft == default.model_copy(update=short)
    assert [(scale.width, scale.steps) for scale in schedule(draft, 512, 512)] == [(96, 16), (384, 4)]
    assert draft.steps * 10 <= default.steps
    assert set(draft.style_layers) | set(draft.content_layers) <= set(ROLES)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_what_it_is_where_it_is_from_and_how_exact(name: str) -> None:
    preset = PRESETS[name]
    assert preset.name == name == preset.config.preset
    assert all((preset.summary, preset.source, preset.exactness))


@pytest.mark.parametrize("name", ["gatys-authors", "neural-style"])
def test_a_preset_for_weights_trained_with_caffe_is_labelled_approximate(name: str) -> None:
    assert "Approximate" in PRESETS[name].exactness


@pytest.mark.parametrize("model", NETWORKS)
@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_finds_its_layers_on_every_network(name: str, model: str) -> None:
    values = resolve(name, {"model": model})
    assert resolve_layers(values.style_layers, NETWORKS[model])
    assert resolve_layers(values.content_layers, NETWORKS[model])


def test_the_default_is_the_default_of_the_parameters() -> None:
    assert resolve() == PRESETS["default"].config == StyleConfig()


def test_any_field_can_be_overridden() -> None:
    values = resolve("classic-lbfgs", {"steps": "12", "optimizer": "adam", "style_layers": "conv1_1:2"})
    assert (values.steps, values.optimizer, values.style_layers) == (12, "adam", {"conv1_1": 2.0})
    assert values.preset == "classic-lbfgs"
    assert values.style_weight == 1e6


def test_an_unknown_preset_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ConfigError, match="multiscale-w2") as caught:
        resolve("clasic")
    assert caught.value.problems[0].field == "preset"
