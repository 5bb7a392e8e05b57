import pytest
import torch

from nst_engine.pyramid import finest, join, split
from tests.nst_engine.tiny import picture

IMAGE = picture(37, 50)[None]


@pytest.mark.parametrize("levels", [1, 3, 8])
def test_the_bands_of_an_image_join_to_it(levels: int) -> None:
    assert torch.allclose(join(split(IMAGE, levels)), IMAGE, atol=1e-6)


def test_each_band_is_half_as_large_as_the_one_before() -> None:
    assert [tuple(band.shape[-2:]) for band in split(IMAGE, 2)] == [(37, 50), (18, 25), (9, 12)]


def test_no_image_of_two_pixels_is_halved() -> None:
    assert [tuple(band.shape[-2:]) for band in split(picture(4, 5)[None], 9)] == [(4, 5), (2, 2)]


def test_the_finest_band_is_the_first() -> None:
    assert torch.equal(finest(IMAGE), split(IMAGE, 3)[0])


def test_a_flat_image_has_no_detail() -> None:
    assert finest(torch.full((1, 3, 9, 8), 0.3)).abs().max() < 1e-6
