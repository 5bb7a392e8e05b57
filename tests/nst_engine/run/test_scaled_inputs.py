from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from nst_engine import color
from nst_engine.networks.features import Network
from nst_engine.run.inputs import Inputs
from nst_engine.run.scaled_inputs import ScaledInputs
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.schedule import Scale
from nst_engine.tensors import resize
from tests.nst_engine.run.runs import CONTENT, STYLE, Watching, last, run
from tests.nst_engine.tiny import TinyBody, config, network, photo, picture, seeded


def first_iterate(values: StyleConfig, **inputs: Any) -> Tensor:
    """Return what the run starts from, in units of the input convention, (1, 3, H, W)."""
    seen: list[Tensor] = []

    class Watched(TinyBody):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            seen.append(x.detach().clone())
            return super().forward(x)

    next(run(values, on=Network(seeded(Watched()), convention=values.input_convention), **inputs))
    return seen[-1]


@pytest.mark.parametrize("convention", ["torchvision", "mean255", "caffe"])
def test_gaussian_noise_has_its_deviation_in_the_network_s_input_space(convention: str) -> None:
    start = first_iterate(config(init="gaussian", init_std=0.5, input_convention=convention, max_size=48))
    assert float(start.mean()) == pytest.approx(0, abs=0.03)
    assert float(start.std()) == pytest.approx(0.5, rel=0.03)


@pytest.mark.parametrize("convention", ["torchvision", "mean255"])
def test_uniform_noise_has_its_half_width_in_the_network_s_input_space(convention: str) -> None:
    start = first_iterate(config(init="uniform", init_std=1.0, input_convention=convention, max_size=48))
    assert -1.001 < float(start.min()) < -0.99
    assert 0.99 < float(start.max()) < 1.001
    assert float(start.std()) == pytest.approx(1 / math.sqrt(3), rel=0.03)


def test_the_first_iterate_is_the_content_the_style_or_the_image_asked_for() -> None:
    net = network()
    other = picture(20, 30, 8)
    for init, image in (("content", CONTENT), ("style", STYLE), ("image", other)):
        start = first_iterate(config(init=init), **({"init_image": other} if init == "image" else {}))
        expected = resize(image[None], 40, 37).clamp(0, 1)
        assert torch.allclose(start, net.normalize(expected), atol=1e-5), init


@pytest.mark.parametrize("scales", [1, 2])
def test_a_style_applies_where_its_mask_is(scales: int) -> None:
    """Two styles, one dark and one bright: each half of the picture goes its own way."""
    dark, bright = STYLE * 0.2, STYLE * 0.2 + 0.8
    left = (torch.arange(44) < 22).float().expand(48, 44)
    several = {"scales": scales, "min_size": 32, "scale_factor": 1.25}
    values = config(content_weight=0.0, optimizer="lbfgs", learning_rate=1.0, steps=40, max_size=48, **several)
    _, image = last(run(values, styles=[dark, bright], masks=[left, 1 - left]))
    assert float(image[..., :15].mean()) < 0.4
    assert float(image[..., 29:].mean()) > 0.6


def test_colors_are_those_of_the_part_of_the_style_that_counts() -> None:
    """The left half is bright, the right half dark, and only the left one counts."""
    left = (torch.arange(44) < 22).float().expand(40, 44)
    style = STYLE * 0.2 + 0.7 * left
    for change in ({"color_match": "transport"}, {"init": "style_mean", "steps": 1}):
        _, image = last(run(config(**change, content_weight=0.0), styles=[style], style_masks=[left]))
        assert float(image.mean()) > 0.7, change
    for how in ("linear", "luminance"):
        scaled = ScaledInputs(
            Inputs.checked(CONTENT, [style], style_masks=[left], config=config()), config(preserve_color=how), network()
        )
        scale = Scale(height=40, width=44, steps=1)
        content, (recolored,) = scaled.content_and_styles(scale)
        assert float(recolored[..., :20].mean()) == pytest.approx(float(content.mean()), abs=0.03), how


class Sizes(TinyBody):
    """Remembers the sizes it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, int]] = []

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        self.seen.append((x.shape[-2], x.shape[-1]))
        return super().forward(x)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"max_size": 48}, (48, 48)),
        ({"max_size": 48, "style_scale": 2.0}, (96, 96)),
        ({"max_size": 48, "style_scale": 2.0, "style_upscale": False}, (64, 64)),
        ({"max_size": 48, "style_scale": 0.75}, (36, 36)),
        ({"max_size": 48, "style_scale": 0.1}, (32, 32)),  # no smaller than the network can take
    ],
)
def test_a_style_is_fitted_to_the_content_times_its_scale(
    changes: Mapping[str, Any], expected: tuple[int, int]
) -> None:
    body = Sizes()
    next(run(config(**changes), on=Network(seeded(body)), styles=[picture(64, 64, 2)]))
    assert body.seen[-2] == expected  # before the first evaluation


def test_a_short_style_is_enlarged_to_what_the_network_needs() -> None:
    _, image = last(run(config(), styles=[picture(40, 4, 2)]))
    assert bool(image.isfinite().all())


def test_preserving_color_by_luminance_keeps_the_chroma_of_the_content() -> None:
    content = photo(48, 44, 1) * 0.3 + 0.35
    _, image = last(
        run(
            config(preserve_color="luminance", max_size=48),
            content=content,
            styles=[STYLE * torch.tensor([1.0, 0.2, 0.1]).view(3, 1, 1)],
        )
    )
    inside = (image > 0) & (image < 1)
    chroma = (image - color.luminance(image[None])[0])[inside]
    assert float(inside.float().mean()) > 0.9
    assert torch.allclose(chroma, (content - color.luminance(content[None])[0])[inside], atol=1e-5)


def test_preserving_color_linearly_paints_with_the_style_in_the_colors_of_the_content() -> None:
    body = Watching()
    content = photo(48, 44, 1) * 0.3 + 0.35
    next(run(config(preserve_color="linear", max_size=48), on=Network(seeded(body)), content=content))
    net = network()
    used, target = (net.denormalize(body.seen[i])[0].flatten(1) for i in (-2, -3))  # style, content
    assert torch.allclose(used.mean(1), target.mean(1), atol=1e-3)
    assert torch.allclose(torch.cov(used), torch.cov(target), atol=1e-3)
