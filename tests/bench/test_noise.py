from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bench.quality.noise import noise, peak
from nst_engine.images.reading import read_picture
from nst_engine.tensors import resize, to_tensor
from tests.nst_engine.tiny import photo

SHARED = Path(__file__).parents[3] / "shared" / "images"
# From clean to crinkled, as jurors and viewers saw them: whole strokes and planes, a photo behind small strokes, dirt
# and crinkles all over. Those in one row were not told apart.
RANKS = (
    ("strotss-tamed-on-vgg16", "multiscale-w2-on-vgg16"),
    ("default-plus-matching-on-lite", "default-on-lite"),
    ("strotss-tamed-on-lite", "default-plus-matching-on-vgg16"),
)


def picture(seed: int) -> Tensor:
    """Return a picture with forms of many sizes, (1, 3, 128, 128)."""
    layers = (photo(128, 128, seed), texture(6, seed + 1), texture(24, seed + 2), texture(64, seed + 3))
    return sum(f * w for f, w in zip(layers, (0.4, 0.3, 0.2, 0.1), strict=True))[None]


def texture(cells: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    small = torch.rand(1, 3, cells, cells, generator=generator)
    return torch.nn.functional.interpolate(small, (128, 128), mode="bicubic", align_corners=False)[0].clamp(0, 1)


RESULT, CONTENT, STYLE = picture(1), picture(10), picture(20)
ROWS, COLUMNS = torch.arange(128)[:, None], torch.arange(128)
GRAIN = 0.04 * torch.randn(128, 128, generator=torch.Generator().manual_seed(0))


def test_a_result_as_clean_as_its_sources_has_about_one() -> None:
    assert noise(RESULT, CONTENT, STYLE) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize(
    "fault",
    [
        GRAIN,
        0.03 * (1 - 2.0 * ((ROWS + COLUMNS) % 2)),  # a screen door
        0.03 * (1 - 2.0 * ((ROWS // 2 + COLUMNS // 2) % 2)),
        -0.1 * ((ROWS % 8 == 0) | (COLUMNS % 8 == 0)),  # seams between blocks
    ],
)
def test_every_fault_raises_the_number_and_more_of_it_raises_it_more(fault: Tensor) -> None:
    numbers = [noise(RESULT + strength * fault, CONTENT, STYLE) for strength in (0, 0.5, 1)]
    assert numbers[0] * 1.1 < numbers[1] < numbers[2]


def test_fine_lines_that_the_painting_has_are_no_fault() -> None:
    grained = RESULT + GRAIN
    assert noise(grained, CONTENT, STYLE + GRAIN) < noise(grained, CONTENT, STYLE)


def test_a_pattern_that_the_photo_has_is_no_fault() -> None:
    fence = 0.1 * (COLUMNS % 6 < 2)
    assert noise(RESULT + fence, CONTENT + fence, STYLE) < noise(RESULT + fence, CONTENT, STYLE) - 1


def test_noise_without_a_pattern_has_no_peak() -> None:
    assert peak(RESULT + GRAIN) < 1 < peak(RESULT + 0.03 * (1 - 2.0 * ((ROWS + COLUMNS) % 2)))


@pytest.mark.shared
def test_pictures_are_ranked_as_eyes_rank_them() -> None:
    def read(path: str) -> Tensor:
        return resize(to_tensor(read_picture(SHARED / path))[None], 384, 384)

    content, style = read("content/lion.jpg"), to_tensor(read_picture(SHARED / "style/great_wave.jpg"))[None]
    ratio = 384 / max(style.shape[-2:])
    style = resize(style, round(style.shape[-2] * ratio), round(style.shape[-1] * ratio)).clamp(0, 1)
    rows = [[noise(read(f"prototypes/lion-wave--{name}.jpg"), content, style) for name in row] for row in RANKS]
    assert all(max(cleaner) < min(worse) for cleaner, worse in pairwise(rows)), rows
