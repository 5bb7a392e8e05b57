"""The input images at the size of a scale, on the network's device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nst_engine import color, color_match
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
        content, styles = self.content(scale), [self._style(style, scale) for style in self.inputs.styles]
        match self.config.preserve_color:
            case PreserveColor.NONE:
                return content, styles
            case PreserveColor.LUMINANCE:
                return color.luminance(content), [color.match_luminance(style, content) for style in styles]
            case PreserveColor.LINEAR:
                return content, [color.match_colors(style, content) for style in styles]

    def masks(self, scale: Scale) -> list[Tensor] | None:
        """Return the masks at the size of the content image, (H, W) each."""
        if self.inputs.masks is None:
            return None
        return [self._fitted(mask, scale, "bilinear")[0, 0] for mask in self.inputs.masks]

    def with_style_colors(self, image: Tensor, scale: Scale) -> Tensor:
        """Return an image (1, 3, H, W) with its colors matched to the styles, as `color_match` asks."""
        styles = [self._style(style, scale) for style in self.inputs.styles]
        shares = self.config.style_blend or (1.0,) * len(styles)
        shown = [(style, share) for style, share in zip(styles, shares, strict=True) if share]
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
                mean = self._style(self.inputs.styles[0], scale).mean((2, 3), keepdim=True)
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

    def _style(self, style: Tensor, scale: Scale) -> Tensor:
        height, width = style_size(self.config, (style.shape[-2], style.shape[-1]), scale)
        return resize(style, height, width).clamp(0, 1).to(self.network.device)

    def _fitted(self, image: Tensor, scale: Scale, mode: str = "bicubic") -> Tensor:
        return resize(image, scale.height, scale.width, mode).clamp(0, 1).to(self.network.device)
