"""Hypercolumns: the features of several layers at one position, joined to one vector."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from nst_engine.spec.enums import HypercolumnScale
from nst_engine.spec.layers import RGB

Layers = Mapping[str, Tensor]  # the layers of a whole image, (1, C, h, w) each; `rgb` is the image minus 0.5


@dataclass(frozen=True)
class Hypercolumns:
    """The layers to join, shallow to deep, and the factor on each."""

    factors: Mapping[str, float]

    def at(self, layers: Layers, positions: Tensor) -> Tensor:
        """Return the hypercolumns at pixels (N, 2) of the image, read bilinearly: (N, D)."""
        height = layers[RGB].shape[-2]
        found = []
        for name, factor in self.factors.items():
            stride = 2 ** round(math.log2(height / layers[name].shape[-2]))
            found.append(factor * _bilinear(layers[name], positions / stride))
        return torch.cat(found, 1)

    def on_grid(self, layers: Layers, size: tuple[int, int]) -> Tensor:
        """Return the hypercolumns of all layers resized to `size`, (h · w, D)."""
        resized = [
            factor * interpolate(layers[name], size, mode="bilinear", align_corners=True)  # as in Kolkin et al. 2022
            for name, factor in self.factors.items()
        ]
        return torch.cat([rows(f) for f in resized], 1)


def rows(features: Tensor) -> Tensor:
    """Return features (1, C, h, w) as one row for each position, (h · w, C)."""
    return features[0].flatten(1).T


def scaled(weights: Mapping[str, float], kind: HypercolumnScale, styles: Sequence[Layers]) -> Hypercolumns:
    """Return hypercolumns of the layers in `weights`, divided as `kind` says by what the style images show."""

    def mean(values: Sequence[Tensor]) -> float:
        return max(float(torch.stack(list(values)).mean()), 1e-8)

    def divisor(name: str) -> float:
        match kind:
            case HypercolumnScale.CHANNELS:
                return float(styles[0][name].shape[1])
            case HypercolumnScale.NORM:
                return 1.0 if name == RGB else mean([style[name].norm(dim=1).mean() for style in styles])
            case _:
                return 1.0

    common = 1.0
    if kind is HypercolumnScale.DEVIATION:
        deviations = [style[name].flatten(2).std(2).flatten() for style in styles for name in weights if name != RGB]
        common = mean([torch.cat(deviations)])
    return Hypercolumns({name: weight / divisor(name) / common for name, weight in weights.items()})


def _bilinear(features: Tensor, positions: Tensor) -> Tensor:
    """Return features (1, C, h, w) at positions (N, 2), read bilinearly; beyond the border lies the border: (N, C)."""
    height, width = features.shape[-2:]
    flat = rows(features)
    corner = positions.floor()
    found = flat.new_zeros(len(positions), flat.shape[1])
    for down in (0, 1):
        for right in (0, 1):
            offset = corner + corner.new_tensor([down, right])
            weight = (1 - (positions - offset).abs()).prod(1, keepdim=True)
            if weight.any():
                y, x = offset[:, 0].long().clamp(0, height - 1), offset[:, 1].long().clamp(0, width - 1)
                # index_select adds up its gradient in the same order every time, which indexing does not.
                found = found + flat.index_select(0, y * width + x) * weight.to(flat)
    return found
