"""Photos and paintings of one color, whose features have hardly any contrast or are zero."""

import pytest
import torch
from torch import Tensor

from nst_engine import load_network, stylize
from nst_engine.networks.features import Network, NetworkSpec, build_body
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.presets import resolve
from tests.nst_engine.tiny import seeded

Color = tuple[int, int, int]
BLACK, GRAY, RED, BLUE, STEEL = (0, 0, 0), (128, 128, 128), (200, 30, 30), (20, 90, 200), (60, 105, 160)
MEAN = (124, 116, 104)  # of ImageNet: the networks see zeros


def plain(color: Color, side: int = 32) -> Tensor:
    return (torch.tensor(color) / 255)[:, None, None].expand(3, side, side)


def average(photo: Color, painting: Color, config: StyleConfig, network: Network) -> list[float]:
    """Return the average color of the result."""
    *_, last = stylize(plain(photo), [plain(painting)], config, network=network)
    return (last.image() * 255).mean((1, 2)).tolist()


@pytest.mark.parametrize(
    ("model", "photo", "painting", "steps"),
    [
        ("lite", RED, MEAN, 20),
        ("lite-small", MEAN, STEEL, 36),
        ("lite-small", BLACK, GRAY, 25),
        ("lite-small", GRAY, GRAY, 10),
    ],
)
def test_a_plain_photo_takes_the_color_of_a_plain_painting(
    model: str, photo: Color, painting: Color, steps: int
) -> None:
    config = resolve("default", {"model": model, "steps": steps, "max_size": 32})
    assert average(photo, painting, config, load_network(config)) == pytest.approx(painting, abs=35)


@pytest.mark.parametrize(("photo", "painting"), [(RED, MEAN), (MEAN, BLUE), (MEAN, MEAN), (GRAY, MEAN)])
def test_plain_pictures_without_any_features_end_between_photo_and_painting(photo: Color, painting: Color) -> None:
    config = resolve("default", {"steps": 20, "max_size": 32, "model": "squeezenet1_1"})
    body = build_body(NetworkSpec.of(config)).to_empty(device="cpu")
    color = average(photo, painting, config, Network(seeded(body)))  # without biases: MEAN has no features
    for value, *ends in zip(color, photo, painting, strict=True):
        assert min(ends) - 25 <= value <= max(ends) + 25
