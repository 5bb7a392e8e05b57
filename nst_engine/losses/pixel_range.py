"""The range loss: pixel values outside [0, 1]."""

from __future__ import annotations

from torch import Tensor


def range_loss(image: Tensor) -> Tensor:
    """Return the mean square of what lies outside [0, 1] in an image (1, 3, H, W)."""
    return (image - image.clamp(0, 1)).square().mean()
