"""What the losses on samples are made of: the layers of the style images, and how much each image counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from nst_engine.losses.sampled.hypercolumns import Layers, rows


def counts(mask: Tensor) -> Tensor:
    """Tell where a mask is at least half of its highest value: pixels and matched features count or do not."""
    return mask >= mask.max() / 2


@dataclass(frozen=True)
class StyleView:
    """The layers of a style image, which may be turned, and the part of it that counts."""

    layers: Layers
    mask: Tensor | None = None  # (H, W)

    def counting(self, size: tuple[int, int]) -> Tensor | None:
        """Tell for each position of a layer of this size whether it counts, (h · w,); None if all do."""
        if self.mask is None:
            return None
        pooled = adaptive_avg_pool2d(self.mask[None], size).flatten()
        return counts(pooled)

    def rows(self, features: Tensor) -> Tensor:
        """Return features (1, C, h, w) of this view at the positions that count, (N, C)."""
        counting = self.counting((features.shape[-2], features.shape[-1]))
        return rows(features) if counting is None else rows(features)[counting]


@dataclass(frozen=True)
class StyleSource:
    """One style image."""

    views: tuple[StyleView, ...]  # of the image, and of the image turned by 90, 180 and 270 degrees if they count
    share: float  # of the losses; the shares of all styles add up to 1 unless a style is nowhere to be seen
    mask: Tensor | None  # (H, W), where on the picture the style applies
    layer_weights: Mapping[str, float]  # of the losses on style_layers, with the share

    @property
    def layers(self) -> Layers:
        """Return the layers of the image as it is."""
        return self.views[0].layers

    def mask_at(self, size: tuple[int, int]) -> Tensor | None:
        """Return the mask at the size of a layer, (h · w,)."""
        if self.mask is None:
            return None
        return adaptive_avg_pool2d(self.mask[None], size).flatten()


def all_rows(source: StyleSource, name: str) -> Tensor:
    """Return what counts of one layer of all views as rows, (N, C)."""
    return torch.cat([view.rows(view.layers[name]) for view in source.views])
