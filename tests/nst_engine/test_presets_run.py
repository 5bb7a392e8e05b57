"""Every preset from end to end: on its own architecture, on SqueezeNet, on lite; and what the explorer explores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from nst_engine import Step, load_network, stylize
from nst_engine.paintings import paint
from nst_engine.spec.presets import PRESETS, resolve
from nst_engine.tensors import resize, to_tensor
from tests.nst_engine.tiny import photo, picture

CONTENT, STYLE = photo(80, 76, 1), picture(64, 64, 2)
SHORT: dict[str, Any] = {"max_size": 64, "min_size": 44, "steps": 3}


def run(preset: str, weights: Path | None = None, **overrides: Any) -> Iterator[Step]:
    values = resolve(preset, {**SHORT, **overrides})
    return stylize(CONTENT, [STYLE], values, network=load_network(values, weights_dir=weights))


def is_a_picture_other_than(image: Tensor, start: Tensor) -> bool:
    return bool(image.isfinite().all()) and not torch.equal(image, start)


def runs_well(steps: Iterator[Step]) -> None:
    """Check that a run gives numbers and a picture that its steps change."""
    first = next(steps)
    start = first.image()
    *_, step = steps
    assert step.iteration == step.total == 3
    assert 0 < step.loss < float("inf")
    assert is_a_picture_other_than(step.image(), start) or (step.width, step.height) != (first.width, first.height)


VGG_PRESETS = [name for name, preset in PRESETS.items() if preset.config.model == "vgg19"]


@pytest.mark.parametrize("preset", VGG_PRESETS)
def test_a_preset_runs_on_its_own_architecture(preset: str, random_weights: Path) -> None:
    runs_well(run(preset, random_weights, max_size=34, min_size=32))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_runs_on_lite(preset: str) -> None:
    runs_well(run(preset, model="lite"))


@pytest.mark.shared
@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_runs_on_squeezenet(preset: str, shared_weights: Path) -> None:
    runs_well(run(preset, shared_weights, model="squeezenet1_1"))


@pytest.mark.parametrize(
    ("model", "layers"),
    [
        ("vgg16", "relu1_1,relu2_1,conv3_1"),
        ("resnet50", "relu1,layer1,layer2"),
        ("inception_v3", "Conv2d_1a_3x3,Mixed_5b,Mixed_5c"),
    ],
)
def test_the_explorer_runs_on_its_other_networks(model: str, layers: str, random_weights: Path) -> None:
    content = layers.rpartition(",")[2]
    layered = {"style_layers": layers, "content_layers": content}
    first, second = run(
        "cnn-explorer", random_weights, model=model, **layered, max_size=80, steps=2, line_search="none"
    )
    assert 0 < second.loss < float("inf")
    assert not torch.equal(first.image(), resize(CONTENT[None], 80, 76)[0])


@pytest.fixture(scope="module")
def explorer() -> Callable[..., Iterator[Step]]:
    """Return the explorer on lite, loaded once."""
    network = load_network(resolve("cnn-explorer", {"model": "lite"}))

    def explore(**overrides: Any) -> Iterator[Step]:
        values = resolve("cnn-explorer", {**SHORT, "model": "lite", **overrides})
        return stylize(CONTENT, [STYLE], values, network=network)

    return explore


INITS = ("content", "style", "gaussian", "uniform")


@pytest.mark.parametrize("init", INITS)
def test_the_explorer_starts_from_four_images(explorer: Callable[..., Iterator[Step]], init: str) -> None:
    losses = [step.loss for step in explorer(init=init)]
    assert losses[-1] < losses[0]


def test_the_four_starting_images_of_the_explorer_differ(explorer: Callable[..., Iterator[Step]]) -> None:
    assert len({next(explorer(init=init, line_search="none")).loss for init in INITS}) == 4


def test_the_explorer_starts_from_the_content_with_no_content_loss(explorer: Callable[..., Iterator[Step]]) -> None:
    assert next(explorer(init="content", line_search="none")).content_loss == pytest.approx(0, abs=1e-3)


def test_style_layers_up_to_k_each_add_their_term(explorer: Callable[..., Iterator[Step]]) -> None:
    def style_loss(*layers: str) -> float:
        return next(explorer(style_layers=dict.fromkeys(layers, 1.0), line_search="none")).style_loss

    roles = [f"style{k}" for k in range(1, 6)]
    up_to = [style_loss(*roles[:k]) for k in range(1, 6)]
    alone = [style_loss(role) for role in roles]
    assert up_to == sorted(up_to)
    assert up_to == pytest.approx([sum(alone[:k]) for k in range(1, 6)], rel=1e-4)


def test_a_layer_is_reconstructed_when_the_other_weight_is_zero() -> None:
    """The second system's definition of content: from noise, the features of one layer alone."""
    losses = [
        s.content_loss
        for s in run("classic-lbfgs", model="lite", style_weight=0, init="gaussian", steps=20, max_size=40)
    ]
    assert losses[-1] < 0.5 * losses[0]


# Real features: does it paint?


def fall(model: str, weights: Path | None) -> float:
    """Return what is left of the style loss after a short run with a painting."""
    values = resolve("default", {"model": model, "max_size": 64, "steps": 60, "scales": 1, "strength": 0.75})
    network = load_network(values, weights_dir=weights)
    style = to_tensor(paint("flow-strokes", 64))
    losses = [step.style_loss for step in stylize(CONTENT, [style], values, network=network)]
    return losses[-1] / losses[0]


def test_a_run_on_lite_takes_nine_tenths_off_the_style_loss() -> None:
    assert fall("lite", None) < 0.1


@pytest.mark.shared
def test_a_run_on_squeezenet_takes_nine_tenths_off_the_style_loss(shared_weights: Path) -> None:
    assert fall("squeezenet1_1", shared_weights) < 0.1


def test_threads_do_not_keep_a_run_from_repeating() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        images = [list(run("default", model="lite", max_size=44, steps=2))[-1].image() for _ in range(2)]
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*images)


def test_a_small_preview_and_the_large_final_agree() -> None:
    """The same bar as bench/quality/sizes.py has for 512 and 1024 px."""
    content, style = photo(128, 100, 3), to_tensor(paint("flow-strokes", 128))
    pictures = []
    for size in (64, 128):
        values = resolve("default", {"max_size": size, "steps": 40})
        *_, last = stylize(content, [style], values, network=load_network(values))
        pictures.append(resize(last.image()[None], 32, 25)[0])
    small, large = pictures
    assert (large - small).abs().mean() < 0.06
    assert (large - resize(content[None], 32, 25)[0]).abs().mean() > 0.06
