"""The temporal loss: how far a frame of a film is from the frames before it, where they show the same things."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Anchor:
    """What a frame is held to: the painted frames before it, warped to it (1, 3, H, W), and where they count.

    confidence: (1, 1, H, W), 1 where the frames before show what this one shows, else 0.
    """

    image: Tensor
    confidence: Tensor


def temporal_loss(image: Tensor, anchor: Anchor) -> Tensor:
    """Return the mean of c · (x − w)² over pixels and colors of an image (1, 3, H, W) (Ruder et al. 2016, eq. 7)."""
    return (anchor.confidence * (image - anchor.image).square()).mean()
