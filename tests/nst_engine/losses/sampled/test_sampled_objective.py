"""The losses on samples within the objective: alone and together, with masks, several styles and tiles."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from nst_engine.losses.objective import Evaluation, Objective
from nst_engine.networks.features import Network
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.errors import ConfigError
from tests.nst_engine.losses.test_tiles import BODIES, TILE, far
from tests.nst_engine.tiny import DEEP, SHALLOW, config, network, objective, photo, picture, same

DOUBLE = torch.float64
COLUMNS: dict[str, Any] = {
    "hypercolumn_layers": {"rgb": 1.0, SHALLOW: 1.0, DEEP: 0.5},
    "matching_layers": {SHALLOW: 1.0, DEEP: 2.0},
    "matching_stride": 2,
    "matching_cells": 3,
    "picture_samples": 12,
    "style_samples": 20,
    "style_weight": 0.0,
}
KINDS: dict[str, dict[str, Any]] = {
    "matching": {"matching_weight": 2.0},
    "matching of turned styles": {"matching_weight": 2.0, "style_turns": True},
    "matching by layer": {"layer_matching_weight": 2.0},
    "earth mover": {"remd_weight": 3.0},
    "moments": {"moment_weight": 3.0},
    "colors": {"color_weight": 3.0},
    "sliced": {"sliced_weight": 3.0},
    "normalized histogram": {"histogram_weight": 3.0, "style_loss": "normalised"},
    "self-similarity": {"content_loss": "self_similarity", "content_weight": 4.0},
    "strotss": {
        "content_loss": "self_similarity",
        "content_weight": 4.0,
        "remd_weight": 1.0,
        "moment_weight": 1.0,
        "color_weight": 1.0,
    },
    "all": {
        "matching_weight": 1.0,
        "layer_matching_weight": 1.0,
        "remd_weight": 1.0,
        "sliced_weight": 1.0,
        "style_weight": 1.0,
        "tv_weight": 0.1,
    },
}


def values(kind: str, **changes: Any) -> StyleConfig:
    return config(**{**COLUMNS, **KINDS[kind], **changes})


def image() -> Tensor:
    return picture(10, 9, 5, DOUBLE)[None]


def drawn(kind: StyleConfig, step: int = 0, **inputs: Any) -> Objective:
    asked = objective(kind, **inputs)
    asked.draw(step, image())
    return asked


def worst_slope(asked: Objective) -> float:
    """Return the largest relative difference of the gradient from central differences over some directions."""
    gradient, generator, found = asked.evaluate(image()).gradient, torch.Generator().manual_seed(3), []
    for _ in range(4):
        step = 1e-7 * torch.randn(image().shape, dtype=DOUBLE, generator=generator)
        above, below = asked.evaluate(image() + step).loss, asked.evaluate(image() - step).loss
        found.append(abs(float(above - below) / (2 * float((gradient * step).sum())) - 1))
    return max(found)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [0, 1])
def test_the_gradient_equals_finite_differences(kind: str, scale: int) -> None:
    assert worst_slope(drawn(values(kind), scale=scale)) < 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_with_masks_equals_finite_differences(kind: str) -> None:
    ramp = torch.linspace(0, 1, 9, dtype=DOUBLE).expand(10, 9)
    styles = [picture(8, 11, seed, DOUBLE)[None] for seed in (2, 3)]
    assert worst_slope(drawn(values(kind, style_blend=(3, 1)), styles=styles, masks=[ramp, 1 - ramp])) < 1e-4


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("self-similarity", "strotss")])
def test_the_picture_that_is_the_style_has_no_style_loss(kind: str) -> None:
    """Content, style and picture are the same, and so is the match of each hypercolumn."""
    style = image()
    asked = objective(
        values(kind, content_weight=0.0, picture_samples=90, style_samples=90), content=style, styles=[style]
    )
    asked.draw(0, style)
    floor = 3 * (1e-5 / 3) ** 0.5 if kind == "colors" else 0.0
    assert asked.evaluate(style).style.item() == pytest.approx(floor, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_styles_are_weighted_by_their_shares(kind: str) -> None:
    """Each style counts by its share of the blend."""
    styles = [picture(8, 11, seed, DOUBLE)[None] for seed in (2, 3)]
    plain = values(kind, style_weight=0.0, tv_weight=0.0, hypercolumn_scale="none")
    first, second, both = (
        drawn(plain.model_copy(update={"style_blend": blend}), styles=styles).evaluate(image()).style
        for blend in ((1, 0), (0, 1), (3, 1))
    )
    assert both.item() == pytest.approx(float(0.75 * first + 0.25 * second), rel=1e-9)


def test_a_style_pulls_only_where_its_mask_is() -> None:
    left = (torch.arange(9) < 4).to(DOUBLE).expand(10, 9)
    asked = drawn(values("colors", content_weight=0.0), masks=[left])
    gradient = asked.evaluate(image()).gradient
    assert gradient[..., 4:].abs().max() == 0
    assert gradient[..., :4].abs().max() > 0


def test_the_loss_of_strotss_is_the_sum_of_its_terms_over_alpha_plus_2() -> None:
    def found(**weights: float) -> Evaluation:
        return drawn(
            config(**{**COLUMNS, "content_loss": "self_similarity", "content_weight": 4.0, **weights})
        ).evaluate(image())

    whole = found(remd_weight=1.0, moment_weight=1.0, color_weight=1.0)
    parts = [found(**{name: 1.0}).style for name in ("remd_weight", "moment_weight", "color_weight")]
    assert whole.style.item() == pytest.approx(float(sum(parts)))
    alone = drawn(config(**COLUMNS, color_weight=1.0, content_weight=0.0)).evaluate(image()).style
    assert parts[2].item() == pytest.approx(float(alone) / 4 / (4 + 2))


def test_samples_stay_until_they_are_drawn_again() -> None:
    kind = values("all", matching_every=4, draw_every=3)
    asked, losses, changes = objective(kind, scale=1), [], []
    for step in range(9):
        changes.append(asked.draw(step, picture(10, 9, step, DOUBLE)[None]))
        losses.append(asked.evaluate(image()).loss.item())
    assert changes == [step % 4 == 0 or step % 3 == 0 for step in range(9)]
    assert all((a == b) is not change for a, b, change in zip(losses, losses[1:], changes[1:], strict=False))


def test_matching_once_for_each_scale_never_matches_again() -> None:
    asked = objective(values("matching", matching_every=0), scale=1)
    assert [asked.draw(step, image()) for step in range(40)] == [True] + [False] * 39


@pytest.mark.parametrize("step", [3, 4, 5])
def test_draws_can_be_repeated_from_the_step_and_the_picture_last_matched(step: int) -> None:
    kind = values("all", matching_every=4, draw_every=2)
    first = objective(kind, scale=1)
    for at in range(step):
        first.draw(at, picture(10, 9, at, DOUBLE)[None])
    again = objective(kind, scale=1)
    again.draw(step - 1, first.matched)
    assert again.draw(step, image()) == first.draw(step, image())
    assert again.evaluate(image()).loss.item() == first.evaluate(image()).loss.item()


def test_scale_and_seed_decide_the_samples() -> None:
    kinds = [(values("colors", seed=seed), scale) for seed, scale in ((0, 0), (0, 1), (1, 0), (0, 0))]
    losses = [drawn(kind, scale=scale).evaluate(image()).loss.item() for kind, scale in kinds]
    assert losses[0] == losses[3]
    assert len(set(losses)) == 3


@pytest.mark.parametrize("model", BODIES)
@pytest.mark.parametrize("masked", [False, True])
def test_tiles_equal_the_whole(model: str, masked: bool) -> None:
    roles = {f"style{k}": 1.0 for k in range(1, 6)}
    kind = config(
        model=model,
        content_layers={"content": 1.0},
        style_layers=roles,
        content_loss="self_similarity",
        hypercolumn_layers={"rgb": 0.5, **roles},
        matching_layers=roles,
        matching_weight=1.0,
        layer_matching_weight=1.0,
        remd_weight=1.0,
        histogram_weight=1.0,
        style_loss="normalised",
    )
    on, width = Network(BODIES[model]()), far(model, 33)
    ramp = torch.linspace(0, 1, width).expand(45, width)
    given = {
        "content": photo(45, width, 1)[None],
        "styles": [picture(90, 70, 2)[None]] * 2,
        "masks": [ramp, 1 - ramp] if masked else None,
        "scale": 1,
    }
    found = []
    for tile in (None, TILE):
        asked = Objective(on, kind, tile=tile, style_tile=tile, **given)
        asked.draw(0, photo(45, width, 4)[None])
        found.append(asked.evaluate(photo(45, width, 3)[None]))
    assert same(found[1], found[0], tolerance=2e-3)


def test_bfloat16_features_give_nearly_the_loss_of_float32() -> None:
    kind = config(**{**COLUMNS, **KINDS["all"]})
    found = []
    for precision in ("float32", "bfloat16"):
        asked = Objective(
            network(),
            kind,
            content=photo(20, 18, 1)[None],
            styles=[photo(16, 18, 2)[None]],
            precision=precision,  # type: ignore[arg-type]
        )
        asked.draw(0, photo(20, 18, 3)[None])
        found.append(asked.evaluate(photo(20, 18, 3)[None]))
    assert found[1].loss.item() == pytest.approx(found[0].loss.item(), rel=0.05)


def test_lbfgs_with_new_samples_at_each_step_is_refused() -> None:
    with pytest.raises(ConfigError, match="same samples for several steps"):
        values("colors", optimizer="lbfgs", draw_every=1)
    with pytest.raises(ConfigError, match="same samples for several steps"):
        values("matching", optimizer="lbfgs", matching_every=1)
    values("matching", optimizer="lbfgs", draw_every=1)


def test_a_query_shares_no_more_than_all_with_the_content() -> None:
    with pytest.raises(ConfigError, match="share, 1 at most"):
        values("matching", content_loss="query", content_weight=1.5)


def test_a_content_weight_of_1_matches_the_content_alone() -> None:
    kind = values("matching", content_loss="query", content_weight=1.0)
    asked = objective(kind, scale=1)
    asked.draw(0, image())
    assert asked.matched is None
    first = objective(kind, scale=0)
    first.draw(0, image())
    assert asked.evaluate(image()).loss.item() == first.evaluate(image()).loss.item()
