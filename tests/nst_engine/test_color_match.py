import pytest
import torch
from torch import Tensor

from nst_engine.color import color_moments
from nst_engine.color_match import _to_lab, _to_rgb, transported, with_chroma
from tests.nst_engine.tiny import photo, picture


def soft(seed: int) -> Tensor:
    """Return a picture of muted colors, so that nothing has to be clamped."""
    return 0.45 + 0.1 * photo(24, 20, seed)[None]


def test_oklab_and_back_is_the_same_color() -> None:
    image = picture(6, 5)[None]
    assert torch.allclose(_to_rgb(_to_lab(image)), image, atol=1e-4)


def test_white_has_lightness_1_and_no_chroma() -> None:
    assert _to_lab(torch.ones(1, 3, 1, 1)).flatten().tolist() == pytest.approx([1, 0, 0], abs=1e-3)


def test_transported_colors_have_the_mean_and_the_covariance_of_the_style() -> None:
    found = transported(soft(1), [(soft(2), 1.0)])
    for moment, target in zip(color_moments(_to_lab(found)), color_moments(_to_lab(soft(2))), strict=True):
        assert torch.allclose(moment, target, atol=1e-4)


def test_several_styles_count_by_their_shares() -> None:
    styles = [(soft(2), 3.0), (soft(3), 1.0)]
    mean = color_moments(_to_lab(transported(soft(1), styles)))[0]
    first, second = (color_moments(_to_lab(style))[0] for style, _ in styles)
    assert torch.allclose(mean, 0.75 * first + 0.25 * second, atol=1e-4)


def test_the_chroma_is_the_content_s_and_the_lightness_the_picture_s() -> None:
    """All are the same picture: only the filter changes its chroma."""
    image = soft(1)
    found = _to_lab(with_chroma(image, image, [(image, 1.0)]))
    assert torch.allclose(found[:, 0], _to_lab(image)[:, 0], atol=1e-4)
    assert torch.allclose(found[:, 1:].mean((2, 3)), _to_lab(image)[:, 1:].mean((2, 3)), atol=1e-3)


def test_colors_stay_in_the_range_of_the_style() -> None:
    low, high = (_to_lab(soft(2)).amin((2, 3)), _to_lab(soft(2)).amax((2, 3)))
    found = _to_lab(with_chroma(picture(24, 20, 5)[None], photo(24, 20, 4)[None], [(soft(2), 1.0)]))
    assert (found.amin((2, 3)) >= low - 1e-3).all()
    assert (found.amax((2, 3)) <= high + 1e-3).all()
