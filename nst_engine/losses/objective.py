"""What is minimized at one scale: a function from an image to its losses and their gradient."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any

import torch
from torch import Tensor

from nst_engine.losses.moments import Sums
from nst_engine.losses.parts import Assembly, Part, assemble, read_parts
from nst_engine.losses.pixel_range import range_loss
from nst_engine.losses.sampled.losses import has_sampled_losses, sampled_layers
from nst_engine.losses.sampled.picture import PictureLosses
from nst_engine.losses.targets import SumsGradient, make_targets, style_key, with_content
from nst_engine.losses.temporal import Anchor, temporal_loss
from nst_engine.losses.total_variation import total_variation
from nst_engine.machine.allocator import trim_heap
from nst_engine.networks.features import Network
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.enums import Precision
from nst_engine.spec.layers import NETWORKS, RGB


@dataclass(frozen=True)
class Evaluation:
    """The weighted losses of an image, and the gradient of their sum, (1, 3, H, W)."""

    loss: Tensor
    content: Tensor
    style: Tensor
    tv: Tensor
    gradient: Tensor

    def read(self, *others: Tensor) -> tuple[Losses, list[float]]:
        """Return the losses and other scalars as numbers, which waits for the device once."""
        total, content, style, tv, *rest = torch.stack([self.loss, self.content, self.style, self.tv, *others]).tolist()
        return Losses(total=total, content=content, style=style, tv=tv), rest


@dataclass(frozen=True, kw_only=True)
class Losses:
    """The weighted losses of an image as numbers."""

    total: float
    content: float
    style: float
    tv: float


class _WithGradients(torch.autograd.Function):
    """A number of no meaning, with given gradients by the features that follow them.

    The `grad_outputs` of `torch.autograd.grad` do the same, but make torch import sympy, which takes as long as torch.
    """

    @staticmethod
    def forward(ctx: Any, gradients: Sequence[Tensor], *features: Tensor) -> Tensor:
        ctx.gradients = gradients
        return features[0].new_empty(())

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> tuple[Tensor | None, ...]:
        return None, *ctx.gradients


class Objective:
    """The weighted sum of content, style, total variation, range and temporal losses of one scale.

    content: (1, 3, H, W), the size of every image evaluated. styles: (1, 3, h, w) each. masks: (H, W) each.
    style_masks: (h, w) each, which part of each style image counts.
    scale: its index, from 0, which the random draws of the losses on samples depend on.
    tile, style_tile: the side of the tiles in which the image and the style images are computed, or None for the whole
    at once. The results are the same.
    """

    def __init__(
        self,
        network: Network,
        config: StyleConfig,
        *,
        content: Tensor,
        styles: Sequence[Tensor],
        masks: Sequence[Tensor] | None = None,
        style_masks: Sequence[Tensor] | None = None,
        scale: int = 0,
        tile: int | None = None,
        style_tile: int | None = None,
        precision: Precision = Precision.FLOAT32,
    ) -> None:
        self._config, self._pixel_scale, self._tile = config, network.pixel_scale, tile
        self._typical_power = network.typical_power
        self._anchor: Anchor | None = None
        self._zero = content.new_zeros(())
        read = partial(read_parts, network, margin=NETWORKS[config.model].receptive_field, precision=precision)
        self._read = partial(read, tile_size=tile)
        size = (content.shape[-2], content.shape[-1])
        key = style_key(config, size, style_tile, precision, styles=styles, masks=masks, style_masks=style_masks)
        with torch.no_grad():
            self._targets = make_targets(
                config,
                self._read(content),
                [partial(read, style, tile_size=style_tile) for style in styles],
                network.typical_power,
                masks=masks,
                style_masks=style_masks,
                kept=network.kept_targets,
                key=key,
            )
        self._layers = sampled_layers(config)
        self._sampled: PictureLosses | None = None
        if has_sampled_losses(config):
            self._sampled = PictureLosses(
                config,
                scale=scale,
                content=content,
                styles=styles,
                masks=masks,
                style_masks=style_masks,
                read=lambda image: assemble(self._read(image), self._layers).layers(),
                read_style=lambda image: assemble(read(image, tile_size=style_tile), self._layers).layers(),
            )

    def with_content(self, content: Tensor) -> Objective:
        """Return the objective of another content image of the same size; what was made of the styles is shared."""
        other = copy(self)
        with torch.no_grad():
            other._targets = with_content(self._targets, self._config, self._read(content), self._typical_power)
        other._sampled = None if self._sampled is None else self._sampled.with_content(content)
        return other

    def without_content(self) -> Objective:
        """Return what was made of the styles alone, which takes less memory; only `with_content` may be called."""
        other = copy(self)
        other._targets = replace(self._targets, content={})
        other._sampled = None if self._sampled is None else self._sampled.without_content()
        return other

    def with_anchor(self, anchor: Anchor) -> Objective:
        """Return the objective of images that the temporal loss holds to an anchor."""
        other = copy(self)
        other._anchor = anchor
        return other

    @property
    def matched(self) -> Tensor | None:
        """The picture (1, 3, H, W) whose features were last matched to the style, or None."""
        return None if self._sampled is None else self._sampled.matched

    def draw(self, step: int, image: Tensor) -> bool:
        """Choose the samples and matches for the step `step` of this scale; tell whether the function has changed.

        It must be called before `evaluate` if the parameters have losses on samples.
        """
        return self._sampled is not None and self._sampled.draw(step, image)

    def evaluate(self, image: Tensor) -> Evaluation:
        """Return the losses and the gradient of an image (1, 3, H, W)."""
        if self._tile is None:
            parts = list(self._read(image))
            return self._evaluate(image, parts, parts)
        trim_heap()  # tiles are for images that hardly fit: the gaps between the optimizer's vectors count
        return self._evaluate(image, self._read(image), self._read(image))

    def _evaluate(self, image: Tensor, first_pass: Iterable[Part], second_pass: Iterable[Part]) -> Evaluation:
        """Sum the style's statistics over all parts first, then add each part's share of the gradient."""
        assembly, by_layer, zero = Assembly(self._layers), dict[str, Tensor](), self._zero
        with torch.no_grad():
            sums = self._style_sums(first_pass if self._sampled is None else assembly.add(first_pass))
        style, by_sums = self._targets.style_loss(sums, zero)
        tv, outside, gradient = self._pixel_losses(image, zero)
        contents = []
        if self._sampled is not None:
            content, sampled_style, by_layer = self._sampled.evaluate(assembly.layers(), image)
            contents.append(content)
            style = style + sampled_style
            gradient += by_layer.pop(RGB, 0)
        contents.extend(_total(self._backward(part, by_sums, by_layer, gradient), zero) for part in second_pass)
        content = _total(contents, zero)
        return Evaluation(_total([content, style, tv, *outside], zero), content, style, tv, gradient)

    def _style_sums(self, parts: Iterable[Part]) -> dict[str, list[Sums]]:
        totals: dict[str, list[Sums]] = {}
        for part in parts:
            for name, terms in self._targets.style.items():
                found = [term.sums(part.features[name], part.places[name]) for term in terms]
                totals[name] = [a + b for a, b in zip(totals[name], found, strict=True)] if name in totals else found
        return totals

    def _backward(
        self, part: Part, by_sums: dict[str, list[SumsGradient]], by_layer: dict[str, Tensor], gradient: Tensor
    ) -> list[Tensor]:
        """Add the gradient of content and style loss by a part's pixels to `gradient`; return its content losses."""
        contents = []
        by_features = {name: self._style_vjp(part, name, by) for name, by in by_sums.items()}
        for name, whole in by_layer.items():
            own = whole[(..., *part.places[name])].to(part.features[name].dtype)
            by_features[name] = by_features[name] + own if name in by_features else own
        for name, term in self._targets.content.items():
            content, own = term.loss(part.features[name].detach(), part.places[name])
            by_features[name] = by_features[name] + own if name in by_features else own
            contents.append(content)
        if by_features:
            given = _WithGradients.apply(list(by_features.values()), *(part.features[name] for name in by_features))
            (by_pixels,) = torch.autograd.grad(given, part.pixels)
            part.tile.crop(gradient).add_(by_pixels)
        return contents

    def _style_vjp(self, part: Part, name: str, by_sums: list[SumsGradient]) -> Tensor:
        """Return the gradient of a layer's style loss by a part's features, given that by the sums."""
        f, place = part.features[name].detach(), part.places[name]
        terms = zip(self._targets.style[name], by_sums, strict=True)
        return reduce(Tensor.add_, (term.vjp(f, place, by) for term, by in terms))

    def _pixel_losses(self, image: Tensor, zero: Tensor) -> tuple[Tensor, list[Tensor], Tensor]:
        """Return the weighted total variation, the weighted sum of other losses if any, and the gradient of all."""
        config, unit = self._config, self._pixel_scale
        if config.tv_weight:
            weight = config.tv_weight * config.style_factor
            tv, gradient = total_variation(image if unit == 1.0 else image * unit, config.tv_loss, weight)
            gradient = gradient if unit == 1.0 else gradient.mul_(unit)
        else:
            tv, gradient = zero, torch.zeros_like(image)
        x, others = image.detach().requires_grad_(), list[Tensor]()
        if config.range_weight:
            others.append(config.range_weight * range_loss(x))
        if self._anchor is not None:
            others.append(config.temporal_weight * temporal_loss(x, self._anchor))
        if others:
            gradient += torch.autograd.grad(others, x)[0]
            others = [_total(others, zero).detach()]
        return tv, others, gradient


def _total(losses: Sequence[Tensor], zero: Tensor) -> Tensor:
    return reduce(torch.add, losses) if losses else zero
