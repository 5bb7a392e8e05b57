"""Tiles give what the whole picture gives, on networks of every geometry, at sizes that fit no stride."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nst_engine.losses.objective import Objective
from nst_engine.losses.tiles import tiles
from nst_engine.networks.features import Network, NetworkSpec, build_body
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.layers import NETWORKS
from tests.nst_engine.tiny import config, photo, picture, same, seeded

TILE = 64


class NarrowVgg(nn.Module):
    """VGG-19's geometry to relu5_1 with few channels, under VGG-19's names."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(3 if (k, i) == (0, 0) else 6, 6, 3, padding=1) for i in range(n))
            for k, n in enumerate((2, 2, 4, 4, 1))
        )

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        found = {}
        for k, block in enumerate(self.blocks, start=1):
            if k > 1:
                x = torch.nn.functional.max_pool2d(x, 2)
            for i, convolution in enumerate(block, start=1):
                x = torch.relu(convolution(x))
                found[f"relu{k}_{i}"] = x
        return found


class NarrowSqueezeNet(nn.Module):
    """SqueezeNet v1.1's geometry with few channels, under its names."""

    def __init__(self) -> None:
        from torchvision.models.squeezenet import Fire  # brings torch's compiler: not while tests are collected

        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, stride=2)
        self.fires = nn.ModuleDict({f"fire{k}": Fire(6, 3, 3, 3) for k in range(2, 8)})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        found = {"relu1": (x := torch.relu(self.first(x)))}
        for name, fire in self.fires.items():
            if name in ("fire2", "fire4", "fire6"):
                x = torch.nn.functional.max_pool2d(x, 3, 2, ceil_mode=True)
            found[name] = x = fire(x)
        return found


def lite() -> nn.Module:
    body = build_body(NetworkSpec(model="lite", layers=tuple(NETWORKS["lite"].layers)))  # type: ignore[arg-type]
    return seeded(body.to_empty(device="cpu"))


BODIES: dict[str, Callable[[], nn.Module]] = {
    "vgg19": lambda: seeded(NarrowVgg()),
    "squeezenet1_1": lambda: seeded(NarrowSqueezeNet()),
    "lite": lite,
}


def both(values: StyleConfig, height: int, width: int, **inputs: Any) -> bool:
    """Tell whether a picture evaluated in tiles gives the losses and the gradient of the whole."""
    network = Network(BODIES[values.model]())
    given = {"content": photo(height, width, 1)[None], "styles": [picture(90, 70, 2)[None]], **inputs}
    whole = Objective(network, values, **given).evaluate(photo(height, width, 3)[None])
    tiled = Objective(network, values, tile=TILE, style_tile=TILE, **given).evaluate(photo(height, width, 3)[None])
    styles_tiled = Objective(network, values, style_tile=TILE, **given).evaluate(photo(height, width, 3)[None])
    return same(tiled, whole, tolerance=2e-3) and same(styles_tiled, whole, tolerance=2e-3)


def roles(model: str, **changes: Any) -> StyleConfig:
    """Return parameters whose layers are all that the network's roles name."""
    layers = {role: 1.0 for role in NETWORKS[model].roles if role.startswith("style")}
    values = {"model": model, "content_layers": {"content": 1.0, "style4": 0.5}, "style_layers": layers}
    return config(**{**values, "content_loss": "normalised", "style_loss": "normalised", **changes})


def far(model: str, more: int) -> int:
    """Return a side so long that the first tile does not see all of it."""
    return NETWORKS[model].receptive_field + TILE + more


@pytest.mark.parametrize("model", BODIES)
@pytest.mark.parametrize("more", [33, 50])
def test_columns_of_tiles_equal_the_whole(model: str, more: int) -> None:
    assert both(roles(model), 45, far(model, more))


@pytest.mark.parametrize("model", BODIES)
def test_rows_of_tiles_equal_the_whole(model: str) -> None:
    assert both(roles(model, tv_weight=0.1, range_weight=1.0), far(model, 47), 51)


@pytest.mark.parametrize("model", BODIES)
def test_tiles_equal_the_whole_with_masks_and_two_styles(model: str) -> None:
    width = far(model, 37)
    ramp = torch.linspace(0, 1, width).expand(45, width)
    styles = [picture(90, 70, 2)[None], photo(64, 64, 4)[None]]
    masks = {"masks": [ramp, 1 - ramp], "style_masks": [photo(90, 70, 6)[0], photo(64, 64, 7)[0]]}
    assert both(roles(model, style_blend=(2, 1)), 45, width, styles=styles, **masks)


@pytest.mark.parametrize("model", BODIES)
def test_tiles_equal_the_whole_with_the_wasserstein_loss(model: str) -> None:
    assert both(roles(model, style_statistic="wasserstein"), 45, far(model, 61))


@pytest.mark.parametrize("without", ["content_weight", "style_weight"])
def test_tiles_equal_the_whole_with_one_term_alone(without: str) -> None:
    assert both(roles("squeezenet1_1", **{without: 0.0}), 45, far("squeezenet1_1", 33))


def test_a_style_larger_than_a_tile_gives_the_same_target() -> None:
    style = photo(far("squeezenet1_1", 40), 60, 2)[None]
    assert both(roles("squeezenet1_1", content_weight=0.0), 45, far("squeezenet1_1", 33), styles=[style])


@pytest.mark.parametrize(("height", "width"), [(64, 64), (65, 200), (95, 97), (31, 130), (300, 1)])
def test_every_pixel_is_answered_for_once(height: int, width: int) -> None:
    owned = torch.zeros(height, width)
    for tile in tiles(height, width, size=64, margin=32):
        owned[tile.rows.own_start : tile.rows.own_stop, tile.columns.own_start : tile.columns.own_stop] += 1
    assert bool((owned == 1).all())


def test_tiles_start_on_the_grid_of_every_stride() -> None:
    for tile in tiles(333, 257, size=70, margin=40):
        assert tile.rows.start % 32 == tile.columns.start % 32 == 0
