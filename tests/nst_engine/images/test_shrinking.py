"""Shrinking once gives the picture that resizing the original for every scale gave."""

import numpy as np
import pytest
from PIL import Image

from nst_engine.images.shrinking import HEADROOM, Shrinker
from nst_engine.paintings import paint
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.schedule import schedule, style_size
from nst_engine.tensors import resize, to_tensor


def photo(width: int, height: int) -> Image.Image:
    """Return a picture with detail of every size."""
    noise = np.random.default_rng(0).integers(0, 60, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(np.asarray(paint("waves", 512).resize((width, height))) // 2 + noise)


def difference(one: Image.Image, other: Image.Image, size: tuple[int, int]) -> float:
    """Return the mean difference of two pictures in levels of 255, at a size."""
    first, second = (resize(to_tensor(picture)[None], *size).clamp(0, 1) for picture in (one, other))
    return float((first - second).abs().mean()) * 255


@pytest.mark.parametrize("size", [(1203, 902), (640, 1111), (1350, 450)])
@pytest.mark.parametrize("size_by", ["longest", "height"])
def test_no_scale_differs_from_the_original_by_a_level(size: tuple[int, int], size_by: str) -> None:
    config, picture = StyleConfig.checked({"max_size": 128, "size_by": size_by}), photo(*size)
    shrunk = Shrinker(config, picture).content(picture)
    scales = schedule(config, picture.height, picture.width)
    assert shrunk.width < picture.width
    assert schedule(config, shrunk.height, shrunk.width)[-1] == scales[-1]
    for scale in scales:
        assert difference(shrunk, picture, (scale.height, scale.width)) < 1


@pytest.mark.parametrize("style_scale", [0.5, 1.0, 2.0])
def test_a_style_keeps_what_its_scale_needs(style_scale: float) -> None:
    config = StyleConfig.checked({"max_size": 96, "style_scale": style_scale})
    content, style = photo(400, 300), photo(900, 700)
    shrunk = Shrinker(config, content).style(style)
    last = schedule(config, content.height, content.width)[-1]
    size = style_size(config, (style.height, style.width), last)
    assert shrunk.width < style.width
    assert style_size(config, (shrunk.height, shrunk.width), last) == size
    assert difference(shrunk, style, size) < 1


def test_a_picture_that_is_hardly_too_large_stays_as_it_is() -> None:
    picture = photo(HEADROOM * 128 + 50, HEADROOM * 128)
    assert Shrinker(StyleConfig(max_size=128), picture).content(picture) is picture
