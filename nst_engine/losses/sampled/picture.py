"""The losses on samples as a function of the picture's layers: read, matched, and differentiated by each layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy

import torch
from torch import Tensor

from nst_engine.losses.sampled.hypercolumns import Layers
from nst_engine.losses.sampled.losses import SampledLosses, content_share
from nst_engine.losses.sampled.sources import StyleSource, StyleView
from nst_engine.losses.shares import layer_weights, style_shares
from nst_engine.pyramid import finest
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.layers import RGB

Read = Callable[[Tensor], dict[str, Tensor]]  # an image (1, 3, H, W) -> the layers of the whole image


def with_pixels(layers: Layers, image: Tensor) -> dict[str, Tensor]:
    """Return the layers of an image (1, 3, H, W) with its pixels, minus 0.5, as one more."""
    return {RGB: image - 0.5, **layers}


class PictureLosses:
    """The losses on samples of one scale, and the picture that was last matched."""

    def __init__(
        self,
        config: StyleConfig,
        *,
        scale: int,
        content: Tensor,
        styles: Sequence[Tensor],
        masks: Sequence[Tensor] | None,
        style_masks: Sequence[Tensor] | None,
        read: Read,
        read_style: Read,
    ) -> None:
        self._config, self._scale, self._read = config, scale, read
        self._share = 1.0 if scale == 0 else content_share(config)  # the first picture has nothing of the style yet
        self.matched: Tensor | None  # decides the targets until the next match: a checkpoint holds it
        with torch.no_grad():
            self._sources = _sources(
                config, styles, masks, style_masks, lambda image: with_pixels(read_style(image), image)
            )
        self._start(content)

    def with_content(self, content: Tensor) -> PictureLosses:
        """Return the losses for another content image of the same size; the styles are not read again."""
        other = copy(self)
        other._start(content)
        return other

    def without_content(self) -> PictureLosses:
        """Return what was made of the styles alone; only `with_content` may be called."""
        other = copy(self)
        del other._content, other._losses, other.matched
        return other

    @torch.no_grad()
    def _start(self, content: Tensor) -> None:
        self._content, self.matched = content, None
        layers = with_pixels(self._read(content), content)
        self._losses = SampledLosses(self._config, scale=self._scale, content=layers, styles=self._sources)

    @torch.no_grad()
    def draw(self, step: int, image: Tensor) -> bool:
        """Match and draw again what is due at `step`; tell whether the losses have changed."""
        return self._losses.draw(step, lambda is_first: self._query(image, is_first))

    def _query(self, image: Tensor, is_first: bool) -> Layers:
        """Return the layers of the picture to match; at the first match of a scale it has the content's detail."""
        query = self._content
        if self._share < 1:
            self.matched = image.clone()
            now = image - finest(image) + finest(self._content) if is_first else image
            query = torch.lerp(now, self._content, self._share)
        return with_pixels(self._read(query), query)

    def evaluate(self, layers: Layers, image: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return content and style loss of a picture, and the gradient of their sum by each layer and by `rgb`."""
        given = {name: f.detach().requires_grad_() for name, f in with_pixels(layers, image).items()}
        with torch.enable_grad():
            content, style = self._losses.losses(given)
        found = torch.autograd.grad(content + style, list(given.values()), allow_unused=True)
        gradients = {name: g for name, g in zip(given, found, strict=True) if g is not None}
        return content.detach(), style.detach(), gradients


def _sources(
    config: StyleConfig,
    styles: Sequence[Tensor],
    masks: Sequence[Tensor] | None,
    style_masks: Sequence[Tensor] | None,
    read: Callable[[Tensor], Layers],
) -> list[StyleSource]:
    """Return the styles that count: with a share above 0 and, if there are masks, one that is not black."""
    none = (None,) * len(styles)
    weights = layer_weights(config, len(styles), masked=masks is not None)
    by_style = [{name: shared[index] for name, shared in weights.items()} for index in range(len(styles))]
    shares = style_shares(config, len(styles))
    return [
        StyleSource(tuple(_views(config, style, part, read)), share, mask, by_layer)
        for style, share, mask, part, by_layer in zip(
            styles, shares, masks or none, style_masks or none, by_style, strict=True
        )
        if share > 0 and (mask is None or bool(mask.any()))
    ]


def _views(
    config: StyleConfig, style: Tensor, mask: Tensor | None, read: Callable[[Tensor], Layers]
) -> Iterator[StyleView]:
    for turn in range(4) if config.style_turns else range(1):
        yield StyleView(read(style.rot90(turn, (2, 3))), None if mask is None else mask.rot90(turn))
