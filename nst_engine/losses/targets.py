"""The terms of the losses: what the content and the style images ask of each layer of the image being made."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from nst_engine.losses.content import ContentTarget, content_loss, content_target
from nst_engine.losses.gram import GramTarget, gram_loss, gram_target
from nst_engine.losses.moments import Moments, Sums, blend, moment_sums, moments_vjp
from nst_engine.losses.parts import Part, assemble
from nst_engine.losses.shares import layer_weights
from nst_engine.losses.tiles import Place
from nst_engine.losses.wasserstein import GaussianTarget, gaussian_target, wasserstein_loss
from nst_engine.losses.wasserstein_batch import WassersteinBatch
from nst_engine.machine.bounded_cache import BoundedCache
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.enums import ContentLoss, StyleStatistic
from nst_engine.spec.layers import NETWORKS, resolve_layers

Size = tuple[int, int]  # height and width of a layer of the whole image
PLAIN_POWER = 0.1  # of a layer's typical power; twelve photos and paintings have from 2.6 times as much on
SumsGradient = tuple[Tensor, Tensor | None]  # A + Aᵀ and b, where A and b are the gradients by Σ f fᵀ and by Σ f
# Parameters that the style terms do not depend on, and that differ between jobs with the same styles.
NOT_OF_STYLES = {"preset", "steps", "seed", "content_weight", "content_loss", "tv_weight", "init", "max_size"}


@dataclass(frozen=True, kw_only=True)
class ContentTerm:
    """What the content image asks of one layer."""

    weight: float
    target: ContentTarget

    def loss(self, features: Tensor, place: Place) -> tuple[Tensor, Tensor]:
        """Return the weighted loss of the features (1, C, h, w) at `place`, and its gradient by them.

        The losses of all places add up.
        """
        return content_loss(features, self.target.crop(*place), self.weight)


@dataclass(frozen=True, kw_only=True)
class StyleTerm:
    """What one style, or the blend of all styles, asks of one layer."""

    weight: float
    target: GramTarget | GaussianTarget
    mask: Tensor | None  # (h, w), at the layer's size

    def sums(self, features: Tensor, place: Place) -> Sums:
        """Return the sums over the features (1, C, h, w) at `place` that the loss is a function of."""
        if isinstance(self.target, GramTarget):
            return moment_sums(features, self._mask_at(place), first=False, reference=self.target.second)
        return moment_sums(features, self._mask_at(place))

    def loss(self, sums: Sums) -> tuple[Tensor, SumsGradient]:
        """Return the weighted loss of sums over the whole image, and its gradient by them."""
        outer, total = sums.outer.detach().requires_grad_(), sums.total.detach().requires_grad_()
        with torch.enable_grad():
            moments = Sums(outer, total, sums.count).mean()
            if isinstance(self.target, GramTarget):
                loss = self.weight * gram_loss(moments, self.target)
            else:
                loss = self.weight * wasserstein_loss(moments, self.target)
        by_outer, by_total = torch.autograd.grad(loss, (outer, total), allow_unused=True)
        return loss.detach(), (by_outer + by_outer.T, by_total)

    def vjp(self, features: Tensor, place: Place, by_sums: SumsGradient) -> Tensor:
        """Return the gradient by the features (1, C, h, w) at `place`, given that by the sums."""
        return moments_vjp(features, self._mask_at(place), *by_sums)

    def _mask_at(self, place: Place) -> Tensor | None:
        return None if self.mask is None else self.mask[place]


@dataclass(frozen=True)
class Targets:
    """The terms by layer."""

    content: Mapping[str, ContentTerm]
    style: Mapping[str, Sequence[StyleTerm]]
    batch: WassersteinBatch | None = None  # of all terms of the style, or None to compute them one by one

    def style_loss(
        self, sums: Mapping[str, Sequence[Sums]], zero: Tensor
    ) -> tuple[Tensor, dict[str, list[SumsGradient]]]:
        """Return the style loss of each layer's sums, one for each term, and its gradient by them; or `zero`."""
        if self.batch is not None:
            loss, gradients = self.batch.losses([one for name in self.style for one in sums[name]])
            remaining = iter(gradients)
            return loss, {name: [next(remaining) for _ in terms] for name, terms in self.style.items()}
        loss, by_sums = zero, dict[str, list[SumsGradient]]()
        for name, terms in self.style.items():
            found = [term.loss(total) for term, total in zip(terms, sums[name], strict=True)]
            loss = sum((value for value, _ in found), start=loss)
            by_sums[name] = [by_total for _, by_total in found]
        return loss, by_sums


def make_targets(
    config: StyleConfig,
    content: Iterable[Part],
    styles: Sequence[Callable[[], Iterable[Part]]],
    typical_power: Mapping[str, float],
    *,
    masks: Sequence[Tensor] | None,
    style_masks: Sequence[Tensor] | None,
    kept: BoundedCache[Mapping[str, Sequence[StyleTerm]]],
    key: str,
) -> Targets:
    """Make the terms from the features of the content and of the style images, which may be read several times.

    masks: one (H, W) in [0, 1] per style, at the size of the image being made.
    style_masks: one (h, w) in [0, 1] per style, at the size of the style image.
    typical_power: the mean square of the features of each layer for a picture that is not plain.
    kept: the style terms of jobs before; those under `key` are taken as they are. Terms with masks are not kept: there
    is one for each style, so they take many times as much memory.
    """
    terms, sizes = _content_terms(config, content, typical_power)

    def make() -> Mapping[str, Sequence[StyleTerm]]:
        return _all_style_terms(config, styles, typical_power, sizes, masks=masks, style_masks=style_masks)

    style = kept.get(key, make, _bytes) if masks is None else make()
    return Targets(terms, style, _batched([term for found in style.values() for term in found]))


def _bytes(style: Mapping[str, Sequence[StyleTerm]]) -> int:
    """Return the bytes that the targets of style terms take."""
    values = (value for terms in style.values() for term in terms for value in vars(term.target).values())
    return sum(value.nbytes for value in values if isinstance(value, Tensor))


def style_key(
    config: StyleConfig,
    content_size: Size,
    *settings: object,
    styles: Sequence[Tensor],
    masks: Sequence[Tensor] | None,
    style_masks: Sequence[Tensor] | None,
) -> str:
    """Return a hash of all that the style terms of a network depend on: parameters, images and masks, settings."""
    digest = hashlib.sha256(config.model_dump_json(exclude=NOT_OF_STYLES).encode())
    sized = masks is not None or config.style_statistic is StyleStatistic.GRAM
    digest.update(repr((content_size if sized else None, torch.get_num_threads(), *settings)).encode())
    for name, given in (("style", styles), ("mask", masks), ("style mask", style_masks)):
        for tensor in given or ():
            digest.update(f"{name} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


def _all_style_terms(
    config: StyleConfig,
    styles: Sequence[Callable[[], Iterable[Part]]],
    typical_power: Mapping[str, float],
    sizes: Mapping[str, Size],
    *,
    masks: Sequence[Tensor] | None,
    style_masks: Sequence[Tensor] | None,
) -> dict[str, list[StyleTerm]]:
    """Return the terms of each layer at which a style counts."""
    least_power = {name: PLAIN_POWER * power for name, power in typical_power.items()}
    style_weights = _style_weights(config, len(styles), masked=masks is not None)
    shown = style_masks or (None,) * len(styles)
    moments = [
        _style_moments(config, read, style_weights, mask)
        for read, mask in zip(styles, shown, strict=True)
        if style_weights
    ]
    style_terms = {
        name: _style_terms(config, weights, [found[name] for found in moments], masks, sizes[name], least_power[name])
        for name, weights in style_weights.items()
    }
    return {name: found for name, found in style_terms.items() if found}


def with_content(
    targets: Targets, config: StyleConfig, content: Iterable[Part], typical_power: Mapping[str, float]
) -> Targets:
    """Return the targets with the terms of another content image of the same size."""
    terms, _ = _content_terms(config, content, typical_power)
    return replace(targets, content=terms)


def _batched(terms: Sequence[StyleTerm]) -> WassersteinBatch | None:
    """Return all terms at once if they are Gaussians on a CUDA device, else None."""
    targets = [term.target for term in terms if isinstance(term.target, GaussianTarget)]
    if not targets or not targets[0].mean.is_cuda:
        return None
    return WassersteinBatch(targets, [term.weight for term in terms])


def _content_terms(
    config: StyleConfig, content: Iterable[Part], typical_power: Mapping[str, float]
) -> tuple[dict[str, ContentTerm], dict[str, Size]]:
    """Return the content image's terms, and the sizes of all layers."""
    compared = config.content_loss not in (ContentLoss.SELF_SIMILARITY, ContentLoss.QUERY)
    weights = _active(config, config.content_layers, config.content_weight if compared else 0.0)
    assembly = assemble(content, weights)
    terms = {
        name: ContentTerm(
            weight=weights[name],
            target=content_target(features, config.content_loss, least_power=PLAIN_POWER * typical_power[name]),
        )
        for name, features in assembly.layers().items()
    }
    return terms, assembly.sizes


def _active(config: StyleConfig, layers: Mapping[str, float], weight: float) -> dict[str, float]:
    """Return the weights of the layers that count, by the network's own names."""
    resolved = resolve_layers(layers, NETWORKS[config.model])
    return {name: weight * share for name, share in resolved.items() if weight * share > 0}


def _style_weights(config: StyleConfig, count: int, *, masked: bool) -> dict[str, list[float]]:
    """Return the weight of each style at the layers that count."""
    weight = config.style_weight * config.style_factor
    shared = layer_weights(config, count, masked=masked) if weight else {}
    return {name: [weight * share for share in shares] for name, shares in shared.items()}


def _style_moments(
    config: StyleConfig, read: Callable[[], Iterable[Part]], layers: Iterable[str], mask: Tensor | None
) -> dict[str, Moments]:
    sizes = {} if mask is None else assemble(read(), ()).sizes
    masks = {name: _pooled(mask, sizes[name]) for name in layers} if mask is not None else {}
    first = config.style_statistic is StyleStatistic.WASSERSTEIN
    totals: dict[str, Sums] = {}
    for part in read():
        for name in layers:
            weight = masks[name][part.places[name]] if masks else None
            found = moment_sums(part.features[name], weight, first=first)
            totals[name] = totals[name] + found if name in totals else found
    return {name: total.mean() for name, total in totals.items()}


def _style_terms(
    config: StyleConfig,
    weights: Sequence[float],
    moments: Sequence[Moments],
    masks: Sequence[Tensor] | None,
    size: Size,
    least_power: float,
) -> list[StyleTerm]:
    """Return one layer's terms: one for the blend of the styles, or one for each style that its mask shows."""
    if masks is None:
        target = _style_target(config, blend(moments, weights), size, least_power)
        return [StyleTerm(weight=sum(weights), target=target, mask=None)]
    return [
        StyleTerm(
            weight=weight,
            target=_style_target(config, found, size, least_power),
            mask=_pooled(mask, size),
        )
        for found, weight, mask in zip(moments, weights, masks, strict=True)
        if weight > 0 and bool(mask.any())
    ]


def _pooled(mask: Tensor, size: Size) -> Tensor:
    """Return a mask (H, W) at the size of a layer."""
    return adaptive_avg_pool2d(mask[None], size)[0]


def _style_target(config: StyleConfig, moments: Moments, size: Size, least_power: float) -> GramTarget | GaussianTarget:
    if config.style_statistic is StyleStatistic.WASSERSTEIN:
        return gaussian_target(moments, config.style_loss, least_power=least_power)
    return gram_target(
        moments,
        positions=size[0] * size[1],
        scale=config.gram_scale,
        kind=config.style_loss,
        least_power=least_power,
    )
