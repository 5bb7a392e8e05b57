"""Laplacian pyramids of images, halved and enlarged bilinearly (Kolkin et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn.functional import interpolate

COARSEST = 2  # pixels: a longest side of this length is not halved


def split(image: Tensor, levels: int) -> list[Tensor]:
    """Return at most `levels` bands of an image (1, C, H, W), the finest first, and what is left of it as the last."""
    bands = []
    for _ in range(levels):
        if max(image.shape[-2:]) <= COARSEST:
            break
        smaller = _halved(image)
        bands.append(image - _enlarged(smaller, image))
        image = smaller
    return [*bands, image]


def join(bands: Sequence[Tensor]) -> Tensor:
    """Return the image that `split` made the bands of."""
    image = bands[-1]
    for band in reversed(bands[:-1]):
        image = band + _enlarged(image, band)
    return image


def finest(image: Tensor) -> Tensor:
    """Return the finest band of an image."""
    return image - _enlarged(_halved(image), image)


def _halved(image: Tensor) -> Tensor:
    size = [max(side // 2, 1) for side in image.shape[-2:]]
    return interpolate(image, size, mode="bilinear", align_corners=False)


def _enlarged(image: Tensor, like: Tensor) -> Tensor:
    return interpolate(image, like.shape[-2:], mode="bilinear", align_corners=False)
