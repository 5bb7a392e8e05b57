"""The losses on samples of the features, each with what it draws: positions, matches or directions.

A term has weights of its own. `draw` replaces its samples; between two draws its loss is a fixed function of the
layers, so that L-BFGS stays valid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from nst_engine.losses.sampled.earth_mover import (
    color_distance,
    mean_and_covariance,
    moment_distance,
    relaxed_earth_mover,
)
from nst_engine.losses.sampled.hypercolumns import Hypercolumns, Layers, rows
from nst_engine.losses.sampled.matching import layer_matching_loss, matched, matching_loss
from nst_engine.losses.sampled.positions import generator, grid_positions, random_positions, sparse
from nst_engine.losses.sampled.self_similarity import self_similarity_loss
from nst_engine.losses.sampled.sliced import random_directions, sliced_loss
from nst_engine.losses.sampled.sources import StyleSource, StyleView, all_rows
from nst_engine.spec.layers import RGB


def _size(layers: Layers) -> tuple[int, int]:
    return layers[RGB].shape[-2], layers[RGB].shape[-1]


@dataclass
class HypercolumnMatching:
    """Hypercolumns on a grid against the nearest ones of the style."""

    weight: float
    columns: Hypercolumns
    styles: Sequence[StyleSource]
    stride: int
    _targets: list[Tensor] = field(default_factory=list)

    def match(self, query: Layers) -> None:
        """Find the targets of a picture's hypercolumns."""
        now = self._on_grid(query)
        self._targets = [
            matched(now, torch.cat([self._counting(view) for view in source.views])) for source in self.styles
        ]

    def loss(self, layers: Layers) -> Tensor:
        """Return the weighted loss of the layers of the whole picture."""
        now, size = self._on_grid(layers), self._grid(layers)
        found = now.new_zeros(())
        for source, target in zip(self.styles, self._targets, strict=True):
            found = found + source.share * matching_loss(now, target, source.mask_at(size))
        return self.weight * found

    def _grid(self, layers: Layers) -> tuple[int, int]:
        height, width = _size(layers)
        return max(height // self.stride, 1), max(width // self.stride, 1)

    def _on_grid(self, layers: Layers) -> Tensor:
        return self.columns.on_grid(layers, self._grid(layers))

    def _counting(self, view: StyleView) -> Tensor:
        counting = view.counting(self._grid(view.layers))
        return self._on_grid(view.layers) if counting is None else self._on_grid(view.layers)[counting]


@dataclass
class LayerMatching:
    """Each layer on a sparse grid with a random offset against the nearest features of the style."""

    weights: Mapping[str, float]
    styles: Sequence[StyleSource]
    cells: int
    _offsets: Tensor = field(default_factory=lambda: torch.zeros(2))

    def draw(self, random: torch.Generator) -> None:
        """Choose other offsets."""
        self._offsets = torch.rand(2, generator=random)

    def loss(self, layers: Layers) -> Tensor:
        """Return the weighted loss of the layers of the whole picture."""
        return sum(
            (weight * self._loss_of(name, layers[name]) for name, weight in self.weights.items()),
            start=layers[RGB].new_zeros(()),
        )

    def _loss_of(self, name: str, features: Tensor) -> Tensor:
        def chosen(f: Tensor) -> Tensor:
            return rows(sparse(f, features, self._offsets, self.cells))

        found = features.new_zeros(())
        for source in self.styles:
            mask = source.mask_at((features.shape[-2], features.shape[-1]))
            weights = None if mask is None else chosen(mask.view(1, 1, *features.shape[-2:]))[:, 0]
            style = torch.cat([self._counting(view, name, chosen) for view in source.views])
            found = found + source.share * layer_matching_loss(chosen(features), style, weights)
        return found

    def _counting(self, view: StyleView, name: str, chosen: Callable[[Tensor], Tensor]) -> Tensor:
        """Return what counts on the sparse grid, or of all positions if the part that counts lies between them."""
        features = view.layers[name]
        counting = view.counting((features.shape[-2], features.shape[-1]))
        if counting is None:
            return chosen(features)
        kept = chosen(counting.view(1, 1, *features.shape[-2:]))[:, 0]
        return chosen(features)[kept] if bool(kept.any()) else view.rows(features)


@dataclass
class StyleSamples:
    """The samples of one style, and their mean and covariance if moments count."""

    share: float
    mask: Tensor | None
    columns: Tensor | None  # (M, D)
    moments: tuple[Tensor, Tensor] | None
    colors: Tensor  # (M, 3)
    positions: Tensor = field(default_factory=lambda: torch.zeros(0, 2))


class PositionLosses:
    """The losses of STROTSS: hypercolumns and colors at random positions."""

    def __init__(
        self,
        columns: Hypercolumns,
        *,
        weights: Mapping[str, float],
        content_weight: float,
        content: Layers,
        styles: Sequence[StyleSource],
        samples: int,
        style_samples: int,
        key: Sequence[object],
    ) -> None:
        self._columns, self._weights, self._samples = columns, weights, samples
        self._content_weight, self._content = content_weight, content
        self._styles = [self._sampled(source, style_samples, generator(*key)) for source in styles]
        self._positions = torch.zeros(0, 2)

    def _sampled(self, source: StyleSource, count: int, random: torch.Generator) -> StyleSamples:
        size = _size(source.layers)
        positions = random_positions(count, size, random, source.views[0].counting(size))
        positions = positions.to(source.layers[RGB].device)
        on_columns = {"remd_weight", "moment_weight"} & set(self._weights)
        columns = self._columns.at(source.layers, positions) if on_columns else None
        moments = mean_and_covariance(columns) if columns is not None and "moment_weight" in self._weights else None
        colors = Hypercolumns({RGB: 1.0}).at(source.layers, positions)
        return StyleSamples(source.share, source.mask, columns, moments, colors)

    def draw(self, random: torch.Generator) -> None:
        """Choose other positions; every style without a mask shares those of the content."""
        size, device = _size(self._content), self._content[RGB].device
        self._positions = grid_positions(self._samples, size, random).to(device)
        for style in self._styles:
            style.positions = self._positions
            if style.mask is not None:
                style.positions = grid_positions(self._samples, size, random, style.mask).to(device)

    def losses(self, layers: Layers) -> tuple[Tensor, Tensor]:
        """Return the weighted self-similarity loss, and the weighted losses against all styles."""
        content = style = layers[RGB].new_zeros(())
        now = self._columns.at(layers, self._positions) if self._reads_columns else layers[RGB].new_zeros(0)
        if self._content_weight:
            like = self._columns.at(self._content, self._positions)
            content = self._content_weight * self_similarity_loss(now, like)
        for samples in self._styles:
            style = style + samples.share * self._against(samples, layers, now)
        return content, style

    @property
    def _reads_columns(self) -> bool:
        return bool(self._content_weight or {"remd_weight", "moment_weight"} & set(self._weights))

    def _against(self, style: StyleSamples, layers: Layers, now: Tensor) -> Tensor:
        found = layers[RGB].new_zeros(())
        if style.columns is not None:
            if style.mask is not None:
                now = self._columns.at(layers, style.positions)
            if "remd_weight" in self._weights:
                found = found + self._weights["remd_weight"] * relaxed_earth_mover(now, style.columns)
            if style.moments is not None:
                found = found + self._weights["moment_weight"] * moment_distance(now, *style.moments)
        if "color_weight" in self._weights:
            colors = Hypercolumns({RGB: 1.0}).at(layers, style.positions)
            found = found + self._weights["color_weight"] * color_distance(colors, style.colors)
        return found


@dataclass
class SlicedLosses:
    """Projections of each layer on random directions, and its channels, against those of the style."""

    sliced: float  # weights
    histogram: float
    styles: Sequence[StyleSource]
    normalized: bool  # divide by the mean square of the style's features, so that a weight suits every layer
    _directions: dict[str, Tensor] = field(default_factory=dict)

    def draw(self, random: torch.Generator) -> None:
        """Choose other directions."""
        for name in self.styles[0].layer_weights if self.sliced else ():
            example = self.styles[0].layers[name]
            self._directions[name] = random_directions(example.shape[1], random).to(example)

    def loss(self, layers: Layers) -> Tensor:
        """Return the weighted loss of the layers of the whole picture."""
        found = layers[RGB].new_zeros(())
        for source in self.styles:
            for name, weight in source.layer_weights.items():
                if weight:
                    found = found + weight * self._against(source, name, layers[name])
        return found

    def _against(self, source: StyleSource, name: str, features: Tensor) -> Tensor:
        now, style = rows(features).T, all_rows(source, name).T  # (C, N), (C, M)
        mask = source.mask_at((features.shape[-2], features.shape[-1]))
        found = features.new_zeros(())
        if self.sliced:
            directions = self._directions[name]
            found = found + self.sliced * sliced_loss(directions @ now, directions @ style, mask)
        if self.histogram:
            found = found + self.histogram * sliced_loss(now, style, mask)
        return found / style.square().mean().clamp(min=1e-8) if self.normalized else found
