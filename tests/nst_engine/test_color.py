import torch
from torch import Tensor

from nst_engine import color
from tests.nst_engine.tiny import photo, picture

CONTENT, STYLE = (
    photo(40, 30, 1)[None] * 0.5 + 0.25,
    picture(20, 25, 2)[None] * torch.tensor([0.9, 0.5, 0.3]).view(3, 1, 1),
)


def colors(image: Tensor) -> Tensor:
    return image[0].flatten(1).double()  # (3, N)


def chroma(image: Tensor) -> Tensor:
    return image - color.luminance(image)


def test_the_luminance_of_gray_is_itself() -> None:
    gray = torch.full((1, 3, 2, 2), 0.4)
    assert torch.allclose(color.luminance(gray), gray)


def test_luminance_weighs_the_channels_as_television_did() -> None:
    pure = torch.eye(3).view(1, 3, 1, 3)
    assert torch.allclose(color.luminance(pure)[0, 0, 0], torch.tensor([0.299, 0.587, 0.114]))


def test_the_colors_of_the_content_go_under_another_luminance() -> None:
    other = photo(40, 30, 7)[None]
    found = color.with_colors_of(other, CONTENT)
    assert torch.allclose(chroma(found), chroma(CONTENT), atol=1e-6)
    assert torch.allclose(color.luminance(found), color.luminance(other), atol=1e-6)


def test_matching_luminance_takes_mean_and_spread_of_the_content() -> None:
    found, target = color.match_luminance(STYLE, CONTENT, STYLE), color.luminance(CONTENT)
    assert torch.isclose(found.mean(), target.mean(), atol=1e-5)
    assert torch.isclose(found.std(), target.std(), rtol=1e-4)
    assert torch.equal(found[:, 0], found[:, 2])


def test_matching_colors_takes_mean_and_covariance_of_the_content() -> None:
    soft = CONTENT * 0.3 + 0.35  # far from 0 and 1, so that nothing is clamped
    found = color.match_colors(STYLE, soft, STYLE)
    assert torch.allclose(colors(found).mean(1), colors(soft).mean(1), atol=1e-4)
    assert torch.allclose(torch.cov(colors(found)), torch.cov(colors(soft)), atol=1e-4)


def test_matching_the_colors_of_a_picture_with_itself_leaves_it() -> None:
    assert torch.allclose(color.match_colors(CONTENT, CONTENT, CONTENT), CONTENT, atol=1e-3)


def test_matching_a_picture_of_one_color_gives_no_nan() -> None:
    flat = torch.full((1, 3, 8, 8), 0.3)
    assert bool(color.match_colors(flat, CONTENT, flat).isfinite().all())
    assert bool(color.match_luminance(flat, CONTENT, flat).isfinite().all())
