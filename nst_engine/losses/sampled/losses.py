"""All losses on samples at one scale: made from the parameters, drawn again in time, and evaluated together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from nst_engine.losses.sampled.hypercolumns import Layers, scaled
from nst_engine.losses.sampled.positions import generator
from nst_engine.losses.sampled.sources import StyleSource
from nst_engine.losses.sampled.terms import HypercolumnMatching, LayerMatching, PositionLosses, SlicedLosses
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.enums import ContentLoss, StyleLoss
from nst_engine.spec.layers import NETWORKS, RGB, resolve_columns, resolve_layers
from nst_engine.spec.loss_fields import ON_STYLE_LAYERS

STROTSS_STYLE = 2.0  # the weights of the earth mover's distance and of the moments (Kolkin et al. 2019)
CONTENT_SHARE = 0.75  # of the content in the picture that is matched (Kolkin et al. 2022)


def has_sampled_losses(config: StyleConfig) -> bool:
    """Tell whether any loss on samples has a weight."""
    return bool(config.sampled_weights) or (
        config.content_loss is ContentLoss.SELF_SIMILARITY and config.content_weight > 0
    )


def sampled_layers(config: StyleConfig) -> tuple[str, ...]:
    """Return the layers of the whole picture that these losses read."""
    found = dict(config.columns)
    if ON_STYLE_LAYERS & set(config.sampled_weights):
        found |= resolve_layers(config.all_style_layers, NETWORKS[config.model])
    return tuple(found)


def content_share(config: StyleConfig) -> float:
    """Return the share of the content in the picture that is matched, between 0 and 1."""
    if config.content_loss is not ContentLoss.QUERY:
        return CONTENT_SHARE
    picture = (1 - config.content_weight) * config.style_factor
    return config.content_weight / max(config.content_weight + picture, 1e-12)


class SampledLosses:
    """The losses on samples at one scale. Every draw depends on the seed, the scale and the step alone."""

    def __init__(self, config: StyleConfig, *, scale: int, content: Layers, styles: Sequence[StyleSource]) -> None:
        self._config, self._scale = config, scale
        weights, alpha = _weights(config)
        factors = resolve_columns(config.hypercolumn_layers, NETWORKS[config.model])
        views = [source.layers for source in styles]
        columns = scaled(factors, config.hypercolumn_scale, views) if config.columns else None
        self._matching = None
        if columns is not None and "matching_weight" in weights:
            self._matching = HypercolumnMatching(weights["matching_weight"], columns, styles, config.matching_stride)
        self._per_layer = _layer_matching(config, weights, styles)
        self._sliced = _sliced(config, weights, styles)
        self._positions = None
        if alpha or {"remd_weight", "moment_weight", "color_weight"} & set(weights):
            self._positions = PositionLosses(
                columns or scaled({}, config.hypercolumn_scale, views),
                weights=weights,
                content_weight=alpha,
                content=content,
                styles=styles,
                samples=config.picture_samples,
                style_samples=config.style_samples,
                key=(config.seed, scale, "style"),
            )
        self._match = self._draw = -1  # how often it was done before, at this scale

    def draw(self, step: int, query: Callable[[bool], Layers]) -> bool:
        """Match and draw again what is due at `step`; tell whether the losses have changed.

        query: returns the layers of the picture to match; it is told whether this is the first match of the scale.
        """
        every = self._config.matching_every
        match, draw = step // every if every else 0, step // self._config.draw_every
        changed = False
        if self._matching is not None and match != self._match:
            self._matching.match(query(match == 0))
            changed = True
        if draw != self._draw:
            for name, term in (("offsets", self._per_layer), ("places", self._positions), ("slices", self._sliced)):
                if term is not None:
                    term.draw(generator(self._config.seed, self._scale, name, draw))
                    changed = True
        self._match, self._draw = match, draw
        return changed

    def losses(self, layers: Layers) -> tuple[Tensor, Tensor]:
        """Return the weighted content loss and the sum of the weighted style losses of the layers of a picture."""
        content, style = layers[RGB].new_zeros(()), layers[RGB].new_zeros(())
        if self._positions is not None:
            content, style = self._positions.losses(layers)
        for term in (self._matching, self._per_layer, self._sliced):
            if term is not None:
                style = style + term.loss(layers)
        return content, style


def _weights(config: StyleConfig) -> tuple[dict[str, float], float]:
    """Return the weights of the style losses and of self-similarity, as they are summed in Kolkin et al. 2019."""
    weights = {name: weight * config.style_factor for name, weight in config.sampled_weights.items()}
    if config.content_loss is not ContentLoss.SELF_SIMILARITY:
        return weights, 0.0
    alpha = config.content_weight
    if "color_weight" in weights:
        weights["color_weight"] /= max(alpha, 1.0)
    total = alpha + STROTSS_STYLE
    return {name: weight / total for name, weight in weights.items()}, alpha / total


def _layer_matching(
    config: StyleConfig, weights: Mapping[str, float], styles: Sequence[StyleSource]
) -> LayerMatching | None:
    if "layer_matching_weight" not in weights:
        return None
    factors = resolve_columns(config.matching_layers, NETWORKS[config.model])
    by_layer = {name: weights["layer_matching_weight"] * factor for name, factor in factors.items()}
    return LayerMatching(by_layer, styles, config.matching_cells)


def _sliced(config: StyleConfig, weights: Mapping[str, float], styles: Sequence[StyleSource]) -> SlicedLosses | None:
    if not ON_STYLE_LAYERS & set(weights):
        return None
    sliced, histogram = weights.get("sliced_weight", 0.0), weights.get("histogram_weight", 0.0)
    return SlicedLosses(sliced, histogram, styles, config.style_loss is StyleLoss.NORMALIZED)
