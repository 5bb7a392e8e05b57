"""The input images at the size of a scale, on the network's device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nst_engine import color, color_match
from nst_engine.losses.sampled.sources import counts
from nst_engine.losses.shares import style_shares
from nst_engine.networks.features import Network
from nst_engine.pyramid import finest
from nst_engine.run.inputs import Inputs
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.enums import ColorMatch, Init, PreserveColor
from nst_engine.spec.schedule import Scale, style_size
from nst_engine.tensors import resize


@dataclass(frozen=True)
class ScaledInputs:
    """Resize the inputs of a run for its scales."""

    inputs: Inputs
    config: StyleConfig
    network: Network

    def content(self, scale: Scale) -> Tensor:
        """Return the content image in its own colors, (1, 3, H, W)."""
        return self._fitted(self.inputs.content, scale)

    def content_and_styles(self, scale: Scale) -> tuple[Tensor, list[Tensor]]:
        """Return the content and the style images, recolored as `preserve_color` asks, that the losses compare with."""
        content, styles = self.content(scale), self._styles(scale)
        if self.config.preserve_color is PreserveColor.NONE:
            return content, styles
        pairs = zip(styles, self._palettes(styles, scale), strict=True)
        if self.config.preserve_color is PreserveColor.LINEAR:
            return content, [color.match_colors(style, content, palette) for style, palette in pairs]
        return color.luminance(content), [color.match_luminance(style, content, palette) for style, palette in pairs]

    def masks(self, scale: Scale) -> list[Tensor] | None:
        """Return the masks at the size of the content image, (H, W) each."""
        if self.inputs.masks is None:
            return None
        return [self._fitted(mask, scale, "bilinear")[0, 0] for mask in self.inputs.masks]

    def style_masks(self, scale: Scale) -> list[Tensor] | None:
        """Return the masks of the styles, each at the size of its style image, (h, w) each."""
        if self.inputs.style_masks is None:
            return None
        sizes = [style_size(self.config, (style.shape[-2], style.shape[-1]), scale) for style in self.inputs.styles]
        return [
            resize(mask, *size, "bilinear").clamp(0, 1).to(self.network.device)[0, 0]
            for mask, size in zip(self.inputs.style_masks, sizes, strict=True)
        ]

    def with_style_colors(self, image: Tensor, scale: Scale) -> Tensor:
        """Return an image (1, 3, H, W) with its colors matched to the styles, as `color_match` asks."""
        palettes = self._palettes(self._styles(scale), scale)
        shares = style_shares(self.config, len(palettes))
        shown = [(palette, share) for palette, share in zip(palettes, shares, strict=True) if share]
        if self.config.color_match is ColorMatch.TRANSPORT:
            return color_match.transported(image, shown)
        return color_match.with_chroma(image, self.content(scale), shown)

    def start(self, scale: Scale) -> Tensor:
        """Return the first iterate, (1, 3, H, W), in the units of the input convention."""
        image = (self._initial_image(scale) * self.network.pixel_scale).to(self.network.device)
        return image.clone(memory_format=torch.contiguous_format)

    def _initial_image(self, scale: Scale) -> Tensor:
        match self.config.init:
            case Init.CONTENT:
                return self.content(scale)
            case Init.STYLE:
                return self._fitted(self.inputs.styles[0], scale)
            case Init.STYLE_MEAN:
                mean = self._palettes(self._styles(scale), scale)[0].mean((2, 3), keepdim=True)
                return mean + finest(self.content(scale))
            case Init.IMAGE:
                assert self.inputs.init_image is not None
                return self._fitted(self.inputs.init_image, scale)
            case Init.GAUSSIAN | Init.UNIFORM:
                return self._noise(scale)

    def _noise(self, scale: Scale) -> Tensor:
        shape = (1, 3, scale.height, scale.width)
        generator = torch.Generator().manual_seed(self.config.seed)  # on the CPU: the same noise on every device
        if self.config.init is Init.GAUSSIAN:
            noise = torch.randn(shape, generator=generator)
        else:
            noise = torch.rand(shape, generator=generator) * 2 - 1
        return self.network.denormalize((noise * self.config.init_std).to(self.network.device))

    def _styles(self, scale: Scale) -> list[Tensor]:
        return [self._style(style, scale) for style in self.inputs.styles]

    def _palettes(self, styles: list[Tensor], scale: Scale) -> list[Tensor]:
        """Return the pixels of each style that count: all, (1, 3, h, w), or those that its mask shows, (1, 3, 1, N)."""
        masks = self.style_masks(scale)
        if masks is None:
            return styles
        counting = [counts(mask) for mask in masks]
        return [style[:, :, where].unsqueeze(2) for style, where in zip(styles, counting, strict=True)]

    def _style(self, style: Tensor, scale: Scale) -> Tensor:
        height, width = style_size(self.config, (style.shape[-2], style.shape[-1]), scale)
        return resize(style, height, width).clamp(0, 1).to(self.network.device)

    def _fitted(self, image: Tensor, scale: Scale, mode: str = "bicubic") -> Tensor:
        return resize(image, scale.height, scale.width, mode).clamp(0, 1).to(self.network.device)
