"""How much each style counts."""

from __future__ import annotations

from nst_engine.spec.config import StyleConfig
from nst_engine.spec.layers import NETWORKS, resolve_layers


def style_shares(config: StyleConfig, count: int) -> list[float]:
    """Return the share of each of `count` styles; they add up to 1."""
    weights = config.style_blend or (1.0,) * count
    return [weight / sum(weights) for weight in weights]


def layer_weights(config: StyleConfig, count: int, *, masked: bool) -> dict[str, list[float]]:
    """Return the weight of each of `count` styles at each layer at which one counts, by the network's own names.

    The styles that count at a layer share it, so that one which is alone there counts in full. With masks, each style
    keeps its share, because the others leave its part of the picture to it.
    """
    network, shares = NETWORKS[config.model], style_shares(config, count)
    given = config.layers_per_style or ({},) * count
    by_style = [resolve_layers(layers or config.style_layers, network) for layers in given]
    found: dict[str, list[float]] = {}
    for name in dict.fromkeys(name for layers in by_style for name in layers):
        weights = [layers.get(name, 0.0) for layers in by_style]
        present = sum(share for share, weight in zip(shares, weights, strict=True) if weight)
        if present:
            whole = 1.0 if masked else present
            found[name] = [share * weight / whole for share, weight in zip(shares, weights, strict=True)]
    return found
