"""The content loss: features compared with those of the content image, position by position."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from nst_engine.machine.precision import to_float32
from nst_engine.spec.enums import ContentLoss


@dataclass(frozen=True)
class ContentTarget:
    """Features of the content image, and the factor that the kind of loss puts on Σ(F − P)²."""

    features: Tensor  # (1, C, H, W)
    scale: float

    def crop(self, rows: slice, columns: slice) -> ContentTarget:
        """Return the part of the target that one tile is compared with."""
        return replace(self, features=self.features[..., rows, columns])


def content_target(features: Tensor, kind: ContentLoss, *, least_power: float) -> ContentTarget:
    """Make a target of the features (1, C, H, W) of the content image.

    A variance counts as at least `least_power`, or else that of a plain image would make this loss outweigh all others.
    """
    match kind:
        case ContentLoss.MEAN:
            scale = 1.0 / features.numel()
        case ContentLoss.HALF_SUM:  # Gatys et al. 2016, equation 1
            scale = 0.5
        case ContentLoss.NORMALIZED:
            scale = 1.0 / (features.numel() * max(features.var().item(), least_power))
        case ContentLoss.SELF_SIMILARITY | ContentLoss.QUERY:
            raise ValueError(f"{kind} compares no features position by position")
    return ContentTarget(features, scale)


def content_loss(features: Tensor, target: ContentTarget, weight: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return weight · scale · Σ(F − P)² of features (1, C, H, W), and its gradient by them in their dtype.

    Autograd would go over the features three times, 2 % of an iteration of `lite`.
    """
    difference = to_float32(features) - target.features
    loss = weight * (target.scale * difference.square().sum())
    factor = np.float32(weight) * np.float32(target.scale)  # rounded as in the loss
    return loss, difference.mul_(2 * float(factor)).to(features.dtype)
