"""What the losses on samples are made of: the layers of the style images, and how much each image counts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nst_engine.losses.sampled.hypercolumns import Layers, rows


@dataclass(frozen=True)
class StyleSource:
    """One style image."""

    views: tuple[Layers, ...]  # of the image, and of the image turned by 90, 180 and 270 degrees if they count
    share: float  # of the losses; the shares of all styles add up to 1 unless a style is nowhere to be seen
    mask: Tensor | None  # (H, W), where on the picture the style applies

    @property
    def layers(self) -> Layers:
        """Return the layers of the image as it is."""
        return self.views[0]

    def mask_at(self, size: tuple[int, int]) -> Tensor | None:
        """Return the mask at the size of a layer, (h · w,)."""
        if self.mask is None:
            return None
        return torch.nn.functional.adaptive_avg_pool2d(self.mask[None, None], size).flatten()


def all_rows(source: StyleSource, name: str) -> Tensor:
    """Return one layer of all views as rows, (N, C)."""
    return torch.cat([rows(view[name]) for view in source.views])
