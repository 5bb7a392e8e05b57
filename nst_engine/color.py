"""Preserving the colors of the content (Gatys, Bethge, Hertzmann and Shechtman 2016)."""

from __future__ import annotations

import torch
from torch import Tensor

from nst_engine.losses.sqrtm import sqrtm

# RGB to YIQ; the first row is luminance (FCC 1953).
_TO_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])

ColorMoments = tuple[Tensor, Tensor]  # mean (C,) and covariance (C, C)


def luminance(image: Tensor) -> Tensor:
    """Return the luminance of an image (1, 3, H, W) as a gray image of the same shape."""
    weights = _TO_YIQ[0].to(image.device).view(1, 3, 1, 1)
    return (image * weights).sum(1, keepdim=True).expand_as(image).contiguous()


def match_luminance(style: Tensor, content: Tensor, palette: Tensor) -> Tensor:
    """Return the luminance of the style (1, 3, h, w) with mean and deviation of the content's (section 5.1).

    palette: (1, 3, …), the pixels of the style that count.
    """
    counting, target = luminance(palette), luminance(content)
    return (luminance(style) - counting.mean()) * (target.std() / counting.std().clamp(min=1e-5)) + target.mean()


def with_colors_of(image: Tensor, content: Tensor) -> Tensor:
    """Return the luminance of `image` with the chroma of `content`, both (1, 3, H, W)."""
    chroma = content - luminance(content)
    return luminance(image) + chroma


def match_colors(style: Tensor, content: Tensor, palette: Tensor) -> Tensor:
    """Return the style (1, 3, h, w) with mean and covariance of the content's colors (section 5.2).

    palette: (1, 3, …), the pixels of the style that count.
    """
    return transport(style, color_moments(palette), color_moments(content)).clamp(0, 1)


def transport(image: Tensor, source: ColorMoments, target: ColorMoments) -> Tensor:
    """Return an image (1, 3, h, w) moved by the optimal map from one Gaussian of colors to another."""
    mean, covariance = source
    target_mean, target_covariance = target
    root = sqrtm(covariance)
    inverse = torch.linalg.inv(root)
    transform = inverse @ sqrtm(root @ target_covariance @ root) @ inverse
    flat = image[0].flatten(1)  # (3, N)
    moved: Tensor = transform @ (flat - mean[:, None]) + target_mean[:, None]
    return moved.view_as(image)


def color_moments(image: Tensor) -> ColorMoments:
    """Return the mean (C,) and the covariance (C, C) of the colors of an image (1, C, h, w)."""
    flat = image[0].flatten(1)  # (3, N)
    mean = flat.mean(1)
    centered = flat - mean[:, None]
    return mean, centered @ centered.T / flat.shape[1] + 1e-5 * torch.eye(len(flat), device=image.device)
