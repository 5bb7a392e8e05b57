"""What is minimised at one scale: a function from an image to its losses and their gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nst_engine import losses
from nst_engine.config import Precision, StyleConfig, StyleStatistic
from nst_engine.layers import NETWORKS, resolve_layers
from nst_engine.networks import Network
from nst_engine.process import give_memory_back
from nst_engine.statistics import Moments, Sums, blend, normalised, sums
from nst_engine.tiles import Tile, tiles

Target = Moments | losses.GaussianTarget


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

    weight: float
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
        self._tile, self._style_tile, self._reach = tile, style_tile, NETWORKS[config.model].reach
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
        for tile in tiles(image.shape[-2], image.shape[-1], size=size, reach=self._reach):
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
        make = losses.gaussian_target if self._wants_first else _identity
        targets: dict[str, list[_StyleTarget]] = {}
        for name, weight in self._style_layers.items():
            parts = [moments[name] for moments in found]
            if masks is None:
                targets[name] = [_StyleTarget(weight=weight, target=make(blend(parts, shares)), mask=None)]
                continue
            targets[name] = [
                _StyleTarget(
                    weight=weight * share / sum(shares), target=make(part), mask=_shrunk(mask, self._positions[name])
                )
                for part, share, mask in zip(parts, shares, masks, strict=True)
                if share > 0 and bool(mask.any())
            ]
        return targets

    def _moments_of(self, style: Tensor) -> dict[str, Moments]:
        total: dict[str, Sums] = {}
        for _, _, own in self._own_features(style, self._style_tile):
            for name in self._style_layers:
                total[name] = _plus(total.get(name), sums(own[name], first=self._wants_first))
        return {name: normalised(part) for name, part in total.items()}

    # Evaluation

    def _whole(self, image: Tensor) -> Evaluation:
        image = image.detach().requires_grad_()
        features = self._network.features(image, self._precision)
        content = self._content_of(features, whole=self._content_targets)
        style = self._style_of(lambda name, mask: normalised(sums(features[name], mask, first=self._wants_first)))
        tv, outside = self._pixel_losses(image)
        loss = content + style + tv + outside
        (gradient,) = torch.autograd.grad(loss, image)
        return Evaluation(loss.detach(), content.detach(), style.detach(), tv.detach(), gradient.contiguous())

    def _tiled(self, image: Tensor) -> Evaluation:
        """Take the statistics of all tiles first, then each tile's part of the gradient; features are made twice."""
        give_memory_back()  # tiles are for pictures that hardly fit: the gaps between the optimiser's vectors count
        totals = self._totals(image)
        style = self._style_of(lambda name, mask: normalised(totals[name, id(mask)]))
        wanted = [t for part in totals.values() for t in (part.outer, part.total)]
        grads = iter(torch.autograd.grad(style, wanted, allow_unused=True) if wanted else ())
        pulls = {key: (next(grads), next(grads)) for key in totals}

        pixels = image.detach().requires_grad_()
        tv, outside = self._pixel_losses(pixels)
        loose = tv + outside
        gradient = torch.autograd.grad(loose, pixels)[0] if loose.requires_grad else torch.zeros_like(image)
        content = image.new_zeros(())
        for tile in tiles(image.shape[-2], image.shape[-1], size=self._tile or 0, reach=self._reach):
            content = content + self._pull_tile(tile, image, pulls, gradient)
        style = style.detach()
        return Evaluation((content + style + loose).detach(), content, style, tv.detach(), gradient)

    @torch.no_grad()
    def _totals(self, image: Tensor) -> dict[tuple[str, int], Sums]:
        totals: dict[tuple[str, int], Sums] = {}
        for tile, features, own in self._own_features(image, self._tile):
            for name, targets in self._targets.items():
                for target in targets:
                    key = (name, id(target.mask))
                    mask = _own_mask(tile, target.mask, features[name], own[name])
                    totals[key] = _plus(totals.get(key), sums(own[name], mask, first=self._wants_first))
        return {
            key: Sums(part.outer.requires_grad_(), part.total.requires_grad_(), part.count)
            for key, part in totals.items()
        }

    def _pull_tile(
        self,
        tile: Tile,
        image: Tensor,
        pulls: Mapping[tuple[str, int], tuple[Tensor | None, Tensor | None]],
        gradient: Tensor,
    ) -> Tensor:
        """Add a tile's part to `gradient`; return its part of the content loss."""
        pixels = tile.cut(image).detach().clone().requires_grad_()
        features = self._network.features(pixels, self._precision)
        own = tile.own(features)
        targets = {
            name: whole[(..., *tile.place(features[name], own[name]))] for name, whole in self._content_targets.items()
        }
        content = self._content_of(own, whole=targets)
        pulled = content
        for name, asked in self._targets.items():
            for target in asked:
                outer, total = pulls[name, id(target.mask)]
                part = sums(own[name], _own_mask(tile, target.mask, features[name], own[name]), first=self._wants_first)
                pulled = pulled if outer is None else pulled + (part.outer * outer).sum()
                pulled = pulled if total is None or not self._wants_first else pulled + (part.total * total).sum()
        if pulled.requires_grad:
            tile.cut(gradient).add_(torch.autograd.grad(pulled, pixels)[0])
        return content.detach()

    def _content_of(self, features: Mapping[str, Tensor], *, whole: Mapping[str, Tensor]) -> Tensor:
        total = self._network.zero
        for name, target in whole.items():
            total = total + self._content_factors[name] * losses.squared_distance(features[name], target)
        return total

    def _style_of(self, moments: Callable[[str, Tensor | None], Moments]) -> Tensor:
        total = self._network.zero
        config = self._config
        for name, asked in self._targets.items():
            height, width = self._positions[name]
            for item in asked:
                found = moments(name, item.mask)
                if isinstance(item.target, losses.GaussianTarget):
                    term = losses.wasserstein_loss(found, item.target)
                else:
                    term = losses.gram_loss(
                        found, item.target, positions=height * width, scale=config.gram_scale, kind=config.style_loss
                    )
                total = total + item.weight * term
        return total * (config.style_weight * config.style_factor)

    def _pixel_losses(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return total variation and range loss, weighted."""
        config, zero, unit = self._config, self._network.zero, self._network.pixel_scale
        tv = zero
        if config.tv_weight:
            tv = config.tv_weight * losses.tv_loss(image if unit == 1.0 else image * unit, config.tv_loss)
        outside = config.range_weight * losses.range_loss(image) if config.range_weight else zero
        return tv, outside


def _active(layers: Mapping[str, float], weight: float) -> dict[str, float]:
    return {name: w for name, w in layers.items() if w > 0} if weight > 0 else {}


def _identity(moments: Moments) -> Moments:
    return moments


def _plus(total: Sums | None, part: Sums) -> Sums:
    if total is None:
        return part
    return Sums(total.outer + part.outer, total.total + part.total, total.count + part.count)


def _shrunk(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a mask (H, W) at a layer's size, by area."""
    return torch.nn.functional.adaptive_avg_pool2d(mask[None, None], size)[0, 0]


def _own_mask(tile: Tile | None, mask: Tensor | None, features: Tensor, own: Tensor) -> Tensor | None:
    if mask is None or tile is None:
        return mask
    return mask[tile.place(features, own)]
