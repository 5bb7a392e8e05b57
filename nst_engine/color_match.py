"""Matching the colors of a result to those of the style, in OkLab (Ottosson 2020).

As in the public code of Kolkin et al. 2022, values of sRGB are taken for linear ones: the hues are not exact, and the
lightness of a picture stays closer to what its pixels say.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from nst_engine.color import color_moments, transport
from nst_engine.losses.sqrtm import sqrtm

_TO_CONES = torch.tensor(
    [
        [0.4121656120, 0.5362752080, 0.0514575653],
        [0.2118591070, 0.6807189584, 0.1074065790],
        [0.0883097947, 0.2818474174, 0.6302613616],
    ]
)
_TO_LAB = torch.tensor(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
RIDGE = 1e-4  # added to the covariances of the chroma (Kolkin et al. 2022)
ROUNDS = 5  # of the bilateral filter
CONTRAST = 10.0  # how fast its weights fall with the difference in lightness

Styles = Sequence[tuple[Tensor, float]]  # images (1, 3, h, w) in [0, 1], and their shares


def transported(image: Tensor, styles: Styles) -> Tensor:
    """Return an image (1, 3, H, W) whose colors have mean and covariance of the styles'."""
    found = [color_moments(_to_lab(style)) for style, _ in styles]
    mean, covariance = (_blend(moments, styles) for moments in zip(*found, strict=True))
    lab = _to_lab(image)
    return _to_rgb(transport(lab, color_moments(lab), (mean, covariance)))


def with_chroma(image: Tensor, content: Tensor, styles: Styles) -> Tensor:
    """Return the lightness of an image with the content's chroma, whose covariance becomes that of the styles.

    image, content: (1, 3, H, W). The chroma is smoothed along the lightness, and all is clamped to the styles' range.
    """
    palettes = [_to_lab(style) for style, _ in styles]
    low = torch.stack([p.amin((0, 2, 3)) for p in palettes]).amin(0).view(1, 3, 1, 1)
    high = torch.stack([p.amax((0, 2, 3)) for p in palettes]).amax(0).view(1, 3, 1, 1)
    lightness = _to_lab(image)[:, :1].clamp(low[:, :1], high[:, :1])
    chroma = _to_lab(content)[:, 1:]
    mean, covariance = color_moments(chroma)
    moments = [color_moments(p[:, 1:]) for p in palettes]
    target_mean, target_covariance = (_blend(values, styles) for values in zip(*moments, strict=True))
    ridge = RIDGE * torch.eye(2, device=image.device)
    whiten = torch.linalg.inv(sqrtm(covariance + ridge))
    centered = chroma[0].flatten(1) - mean[:, None]  # (2, N)
    matched = sqrtm(target_covariance + ridge) @ whiten @ centered + target_mean[:, None]
    chroma = _smoothed(matched.view_as(chroma), lightness)
    return _to_rgb(torch.cat([lightness, chroma], 1).clamp(low, high))


def _blend(values: Sequence[Tensor], styles: Styles) -> Tensor:
    shares = [share for _, share in styles]
    return torch.stack([value * (share / sum(shares)) for value, share in zip(values, shares, strict=True)]).sum(0)


def _smoothed(chroma: Tensor, lightness: Tensor) -> Tensor:
    """Return the chroma (1, 2, H, W) after rounds of a 3 x 3 bilateral filter guided by the lightness."""
    weights = [(-CONTRAST * (near - lightness).abs()).exp() for near in _neighbors(lightness)]
    total = torch.stack(weights).sum(0)
    for _ in range(ROUNDS):
        pairs = zip(_neighbors(chroma), weights, strict=True)
        chroma = torch.stack([near * weight for near, weight in pairs]).sum(0) / total
    return chroma


def _neighbors(image: Tensor) -> list[Tensor]:
    """Return an image (1, C, H, W) moved by -1, 0 and 1 pixels in both directions; its border is repeated."""
    height, width = image.shape[-2:]
    wide = pad(image, (1, 1, 1, 1), mode="replicate")
    return [wide[..., y : y + height, x : x + width] for y in range(3) for x in range(3)]


def _to_lab(image: Tensor) -> Tensor:
    cones = _mixed(_TO_CONES, image.clamp(0, 1)).clamp(min=0)
    return _mixed(_TO_LAB, cones.pow(1 / 3))


def _to_rgb(lab: Tensor) -> Tensor:
    cones = _mixed(torch.linalg.inv(_TO_LAB), lab).pow(3)
    return _mixed(torch.linalg.inv(_TO_CONES), cones).clamp(0, 1)


def _mixed(matrix: Tensor, image: Tensor) -> Tensor:
    return torch.einsum("ij,bjhw->bihw", matrix.to(image), image)
