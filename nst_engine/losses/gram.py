"""The style loss of Gatys et al. 2015: Gram matrices compared entry by entry."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from nst_engine.losses.moments import Moments
from nst_engine.spec.enums import GramScale, StyleLoss


@dataclass(frozen=True)
class GramTarget:
    """The style's Gram matrix as a mean over positions, and the factor that the kind of loss puts on Σ(G − A)²."""

    second: Tensor  # (C, C)
    scale: float


def gram_target(
    moments: Moments, *, positions: int, scale: GramScale, kind: StyleLoss, least_power: float
) -> GramTarget:
    """Make a target of the style's moments.

    `positions` is h·w of the image being made. Both matrices are scaled by it, as if the style had the image's size.
    The mean square of a channel counts as at least `least_power`, or else a plain style would outweigh all else.
    """
    channels = moments.second.shape[0]
    scaled = {GramScale.NONE: float(positions), GramScale.HW: 1.0, GramScale.CHW: 1.0 / channels}[scale] ** 2
    match kind:
        case StyleLoss.NORMALIZED:
            factor = 1.0 / max(moments.second.square().sum().item(), (channels * least_power) ** 2)
        case StyleLoss.MEAN:
            factor = scaled / channels**2
        case StyleLoss.SUM:
            factor = scaled
        case StyleLoss.MEAN_PER_CHW:
            factor = scaled / channels**2 / (channels * positions)
    return GramTarget(moments.second, factor)


def gram_loss(moments: Moments, target: GramTarget) -> Tensor:
    """Return scale · Σ(G − A)², where G and A are means over positions."""
    return target.scale * (moments.second - target.second).square().sum()
