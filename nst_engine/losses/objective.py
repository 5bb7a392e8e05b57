"""What is minimised at one scale: a function from an image to its losses and their gradient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nst_engine.losses import losses
from nst_engine.losses.moments import Moments, Sums, blend, normalised, pull, sums, to_float32
from nst_engine.losses.tiles import Tile, tiles
from nst_engine.machine.allocator import trim_heap
from nst_engine.networks.features import Network
from nst_engine.spec.config import Precision, StyleConfig, StyleStatistic
from nst_engine.spec.layers import NETWORKS, resolve_layers

Target = Moments | losses.GaussianTarget
Place = tuple[slice, slice]  # rows and columns of a layer
WHOLE = (slice(None), slice(None))


@dataclass(frozen=True)
class Evaluation:
    """The losses of an image, already weighted, and the gradient of their sum, (1, 3, H, W)."""

    loss: Tensor
    content: Tensor
    style: Tensor
    tv: Tensor
    gradient: Tensor


@dataclass(frozen=True, kw_only=True)
class _StyleTarget:
    """What one style (or the blend of all) asks of one layer, and the mask it is asked within, at the layer's size."""

    weight: float  # of the whole term in the loss
    target: Target
    mask: Tensor | None  # (h, w)


class Objective:
    """The weighted sum of content, style, total variation and range losses of one scale.

    `content` is (1, 3, H, W) and so is every image evaluated; `styles` are (1, 3, h, w); `masks` (H, W) or None.
    `tile` is the side of the tiles to compute in, or None for the whole picture at once; the results are the same.
    `style_tile` is that of the style images.
    """

    def __init__(
        self,
        network: Network,
        config: StyleConfig,
        *,
        content: Tensor,
        styles: Sequence[Tensor],
        masks: Sequence[Tensor] | None = None,
        tile: int | None = None,
        style_tile: int | None = None,
        precision: Precision = Precision.FLOAT32,
    ) -> None:
        self._network, self._config, self._precision = network, config, precision
        self._tile, self._style_tile, self._margin = tile, style_tile, NETWORKS[config.model].receptive_field
        info = NETWORKS[config.model]
        self._content_layers = _active(resolve_layers(config.content_layers, info), config.content_weight)
        self._style_layers = _active(resolve_layers(config.style_layers, info), config.style_weight)
        self._wants_first = config.style_statistic is StyleStatistic.WASSERSTEIN
        self._content_targets: dict[str, Tensor] = {}
        self._positions: dict[str, tuple[int, int]] = {}
        with torch.no_grad():
            self._take_content(content)
            self._targets = self._style_targets(styles, masks)
        self._content_factors = {
            name: config.content_weight
            * self._content_layers[name]
            * losses.content_factor(target, config.content_loss)
            for name, target in self._content_targets.items()
        }
        self._wanted = {name for name, targets in self._targets.items() if targets} | set(self._content_targets)

    def evaluate(self, image: Tensor) -> Evaluation:
        """Return losses and gradient of an image (1, 3, H, W)."""
        return self._whole(image) if self._tile is None else self._tiled(image)

    # Targets

    def _own_features(
        self, image: Tensor, size: int | None
    ) -> Iterable[tuple[Tile | None, Mapping[str, Tensor], Mapping[str, Tensor]]]:
        """Yield a tile, all its features and its own ones; one None tile where the picture is taken whole."""
        if size is None:
            features = self._network.features(image, self._precision)
            yield None, features, features
            return
        for tile in tiles(image.shape[-2], image.shape[-1], size=size, margin=self._margin):
            features = self._network.features(tile.cut(image), self._precision)
            yield tile, features, tile.own(features)

    def _take_content(self, content: Tensor) -> None:
        parts = []
        for tile, features, own in self._own_features(content, self._tile):
            for name, f in own.items():
                rows, columns = (
                    (slice(0, f.shape[-2]), slice(0, f.shape[-1])) if tile is None else tile.place(features[name], f)
                )
                height, width = self._positions.get(name, (0, 0))
                self._positions[name] = (max(height, rows.stop), max(width, columns.stop))
                if name in self._content_layers:
                    parts.append((name, rows, columns, f.clone() if tile else f))
        for name, rows, columns, f in parts:
            if self._tile is None:
                self._content_targets[name] = f
                continue
            whole = self._content_targets.setdefault(name, f.new_empty(1, f.shape[1], *self._positions[name]))
            whole[..., rows, columns] = f

    def _style_targets(self, styles: Sequence[Tensor], masks: Sequence[Tensor] | None) -> dict[str, list[_StyleTarget]]:
        if not self._style_layers:
            return {}
        shares = list(self._config.style_blend or [1.0] * len(styles))
        found = [self._moments_of(style) for style in styles]
        targets: dict[str, list[_StyleTarget]] = {}
        for name, weight in self._style_layers.items():
            parts = [moments[name] for moments in found]
            if masks is None:
                targets[name] = [self._style_target(name, weight, blend(parts, shares), None)]
                continue
            targets[name] = [
                self._style_target(name, weight * share / sum(shares), part, mask)
                for part, share, mask in zip(parts, shares, masks, strict=True)
                if share > 0 and bool(mask.any())
            ]
        return targets

    def _style_target(self, name: str, weight: float, moments: Moments, mask: Tensor | None) -> _StyleTarget:
        config, size = self._config, self._positions[name]
        weight *= config.style_weight * config.style_factor
        shrunk = None if mask is None else _shrunk(mask, size)
        if self._wants_first:
            return _StyleTarget(weight=weight, target=losses.gaussian_target(moments), mask=shrunk)
        factor = losses.gram_factor(
            moments, positions=size[0] * size[1], scale=config.gram_scale, kind=config.style_loss
        )
        return _StyleTarget(weight=weight * factor, target=moments, mask=shrunk)

    def _moments_of(self, style: Tensor) -> dict[str, Moments]:
        total: dict[str, Sums] = {}
        for _, _, own in self._own_features(style, self._style_tile):
            for name in self._style_layers:
                total[name] = _plus(total.get(name), sums(own[name], first=self._wants_first))
        return {name: normalised(part) for name, part in total.items()}

    # Evaluation

    def _whole(self, image: Tensor) -> Evaluation:
        tv, outside, gradient = self._pixel_losses(image)
        x = self._network.enter(image).requires_grad_()
        features = {name: f for name, f in self._network.read(x, self._precision).items() if name in self._wanted}
        content = style = self._network.zero
        by_features = []
        for name, f in features.items():
            style_loss, pulls = self._style_of(name, self._sums(name, f.detach(), WHOLE))
            content_loss, by_feature = self._pull(name, f.detach(), WHOLE, pulls)
            content, style = content + content_loss, style + style_loss
            by_features.append(by_feature)
        self._go_back(features, by_features, x, gradient)
        return Evaluation(content + style + tv + outside, content, style, tv, gradient)

    def _tiled(self, image: Tensor) -> Evaluation:
        """Take the statistics of all tiles first, then each tile's part of the gradient; features are made twice."""
        trim_heap()  # tiles are for pictures that hardly fit: the gaps between the optimiser's vectors count
        content = style = self._network.zero
        pulls = {}
        for name, totals in self._totals(image).items():
            loss, pulls[name] = self._style_of(name, totals)
            style = style + loss
        tv, outside, gradient = self._pixel_losses(image)
        for tile in tiles(image.shape[-2], image.shape[-1], size=self._tile or 0, margin=self._margin):
            x = self._network.enter(tile.cut(image)).requires_grad_()
            features = self._network.read(x, self._precision)
            own = {name: f for name, f in tile.own(features).items() if name in self._wanted}
            by_features = []
            for name, f in own.items():
                loss, by_feature = self._pull(name, f.detach(), tile.place(features[name], f), pulls[name])
                content = content + loss
                by_features.append(by_feature)
            self._go_back(own, by_features, x, tile.cut(gradient))
        return Evaluation(content + style + tv + outside, content, style, tv, gradient)

    @torch.no_grad()
    def _totals(self, image: Tensor) -> dict[str, list[Sums]]:
        totals: dict[str, list[Sums]] = {}
        for tile, features, own in self._own_features(image, self._tile):
            for name in self._wanted:
                place = WHOLE if tile is None else tile.place(features[name], own[name])
                found = self._sums(name, own[name], place)
                before = totals.get(name, [None] * len(found))
                totals[name] = [_plus(*pair) for pair in zip(before, found, strict=True)]
        return totals

    def _sums(self, name: str, f: Tensor, place: Place) -> list[Sums]:
        """Return the sums that each style target of a layer asks for, over the features f at `place`."""
        found = []
        for item in self._targets.get(name, ()):
            near = item.target.second if isinstance(item.target, Moments) else None
            found.append(sums(f, _cut(item.mask, place), first=self._wants_first, near=near))
        return found

    def _style_of(self, name: str, totals: Sequence[Sums]) -> tuple[Tensor, list[losses.ByMoments]]:
        """Return a layer's style loss, and its gradient by the sums of each target."""
        style, pulls = self._network.zero, []
        for item, total in zip(self._targets.get(name, ()), totals, strict=True):
            if isinstance(item.target, losses.GaussianTarget):
                loss, (second, first) = losses.wasserstein_distance(normalised(total), item.target)
            else:
                loss, (second, first) = losses.gram_distance(normalised(total), item.target)
            factor = item.weight / total.count
            style = style + item.weight * loss
            pulls.append((second * factor, None if first is None else first * factor))
        return style, pulls

    def _pull(self, name: str, f: Tensor, place: Place, pulls: Sequence[losses.ByMoments]) -> tuple[Tensor, Tensor]:
        """Return a layer's content loss and the gradient of all its losses, for its features f at `place`."""
        gradient: Tensor | None = None
        for item, by_sums in zip(self._targets.get(name, ()), pulls, strict=True):
            part = pull(f, _cut(item.mask, place), *by_sums)
            gradient = part if gradient is None else gradient.add_(part)
        if name not in self._content_targets:
            assert gradient is not None
            return self._network.zero, gradient
        difference, factor = to_float32(f) - self._content_targets[name][(..., *place)], self._content_factors[name]
        loss = factor * losses.squares(difference)
        if gradient is None:
            return loss, difference.mul_(2 * factor).to(f.dtype)
        return loss, gradient.add_(difference.to(f.dtype), alpha=2 * factor)

    def _go_back(
        self, features: Mapping[str, Tensor], by_features: Sequence[Tensor], x: Tensor, gradient: Tensor
    ) -> None:
        """Pass the gradient by the features back through the network, and add what arrives to `gradient`."""
        if features:
            (by_input,) = torch.autograd.grad(list(features.values()), x, by_features)
            self._network.leave(by_input, onto=gradient)

    def _pixel_losses(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return total variation and range loss, weighted, and the gradient of both."""
        config, unit = self._config, self._network.pixel_scale
        tv, outside = self._network.zero, self._network.zero
        gradient = None
        if config.tv_weight:
            tv, gradient = losses.tv_loss(image if unit == 1.0 else image * unit, config.tv_loss, config.tv_weight)
            gradient = gradient if unit == 1.0 else gradient * unit
        if config.range_weight:
            outside, by_range = losses.range_loss(image, config.range_weight)
            gradient = by_range if gradient is None else gradient + by_range
        return tv, outside, torch.zeros_like(image) if gradient is None else gradient


def _active(layers: Mapping[str, float], weight: float) -> dict[str, float]:
    return {name: w for name, w in layers.items() if w > 0} if weight > 0 else {}


def _plus(total: Sums | None, part: Sums) -> Sums:
    if total is None:
        return part
    return Sums(total.outer + part.outer, total.total + part.total, total.count + part.count)


def _shrunk(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a mask (H, W) at a layer's size, by area."""
    return torch.nn.functional.adaptive_avg_pool2d(mask[None, None], size)[0, 0]


def _cut(mask: Tensor | None, place: Place) -> Tensor | None:
    return None if mask is None else mask[place]
