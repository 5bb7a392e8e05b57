"""What the losses make of styles is kept between objectives on one network."""

from typing import Any

import pytest
import torch

from nst_engine.losses import targets
from nst_engine.losses.objective import Objective
from nst_engine.losses.targets import NOT_OF_STYLES
from nst_engine.machine.bounded_cache import BoundedCache
from nst_engine.networks.features import Network
from tests.nst_engine.tiny import config, network, picture

MASK = torch.cat([torch.ones(20, 12), torch.zeros(20, 12)], 1)
OF_THE_CONTENT: tuple[dict[str, Any], ...] = (
    {"content_weight": 2.0},
    {"content_loss": "half_sum"},
    {"init": "gaussian"},
    {"max_size": 64},
    {"preset": "draft"},
    {"seed": 3},
    {"steps": 9},
    {"tv_weight": 1.0},
)


class Counted:
    """Counts how often the style terms are made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made = 0
        make = targets._all_style_terms

        def counted(*arguments: Any, **named: Any) -> Any:
            self.made += 1
            return make(*arguments, **named)

        monkeypatch.setattr(targets, "_all_style_terms", counted)


@pytest.fixture
def terms(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


def objective(
    on: Network, content: int = 1, style: int = 2, width: int = 24, parts: dict[str, Any] | None = None, **changes: Any
) -> Objective:
    photo, painting = picture(20, width, content)[None], picture(20, 24, style)[None]
    values = config(**changes)
    return Objective(on, values, content=photo, styles=[painting], **(parts or {}))


@pytest.mark.parametrize("statistic", ["gram", "wasserstein"])
def test_a_kept_target_gives_the_same_bits_as_one_that_is_made(statistic: str, terms: Counted) -> None:
    on, image = network(), picture(20, 24, 5)[None]
    objective(on, content=7, style_statistic=statistic)
    kept = objective(on, style_statistic=statistic).evaluate(image)
    assert terms.made == 1
    made = objective(network(), style_statistic=statistic).evaluate(image)
    assert torch.equal(kept.gradient, made.gradient)
    assert torch.equal(kept.loss, made.loss)


def test_jobs_that_differ_in_what_styles_do_not_depend_on_share_them(terms: Counted) -> None:
    on = network()
    for changes in ({}, {"content": 7}, *OF_THE_CONTENT):
        objective(on, **changes)
    assert terms.made == 1


def test_each_parameter_that_styles_do_not_depend_on_is_tried() -> None:
    assert {name for changes in OF_THE_CONTENT for name in changes} == NOT_OF_STYLES


@pytest.mark.parametrize(("statistic", "made"), [("wasserstein", 1), ("gram", 2)])
def test_a_gram_target_depends_on_the_size_of_the_photo(statistic: str, made: int, terms: Counted) -> None:
    on = network()
    for width in (24, 30):
        objective(on, width=width, style_statistic=statistic)
    assert terms.made == made


@pytest.mark.parametrize(
    "changes",
    [
        {"style": 3},
        {"strength": 0.6},
        {"style_weight": 2.0},
        {"style_statistic": "wasserstein"},
        {"style_loss": "sum"},
        {"gram_scale": "chw"},
        {"style_layers": {"relu1_1": 1.0}},
        {"layers_per_style": ({"relu1_1": 1.0},)},
        {"parts": {"masks": [MASK]}},
        {"parts": {"style_masks": [MASK]}},
        {"parts": {"style_tile": 32}},
    ],
    ids=lambda changes: next(iter(changes)) if "parts" not in changes else next(iter(changes["parts"])),
)
def test_whatever_else_differs_makes_a_target_of_its_own(changes: dict[str, Any], terms: Counted) -> None:
    on = network()
    objective(on)
    objective(on, **changes)
    assert terms.made == 2


def test_targets_with_masks_are_not_kept(terms: Counted) -> None:
    on = network()
    for _ in range(2):
        objective(on, parts={"masks": [MASK]})
    assert terms.made == 2


def test_targets_are_kept_by_the_bytes_that_they_take(terms: Counted) -> None:
    on = network()
    on.kept_targets = BoundedCache(200)  # matrices of 4 and 5 channels take 164 bytes
    for style in (2, 2, 3, 2):
        objective(on, style=style)
    assert terms.made == 3


def test_only_the_results_that_were_asked_for_last_are_kept() -> None:
    cache, made = BoundedCache[str](20), []

    def make(key: str) -> str:
        made.append(key)
        return key

    for key in "abacab":
        assert cache.get(key, lambda key=key: make(key), lambda value: 10) == key
    assert made == ["a", "b", "c", "b"]


def test_a_result_that_is_larger_than_the_cache_is_not_kept() -> None:
    cache, sizes = BoundedCache[int](20), []
    for size in (21, 21, 5, 5):
        cache.get(str(size), lambda size=size: sizes.append(size) or size, lambda value: value)
    assert sizes == [21, 21, 5]
