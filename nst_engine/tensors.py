"""Conversion between pictures and tensors, float RGB (3, H, W) in [0, 1]."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor


def to_tensor(picture: Image.Image) -> Tensor:
    """Return an RGB picture as (3, H, W) in [0, 1]."""
    pixels = torch.from_numpy(np.array(picture.convert("RGB")))  # (H, W, 3)
    return pixels.permute(2, 0, 1).float() / 255


def to_picture(image: Tensor) -> Image.Image:
    """Return (3, H, W) in [0, 1] as an 8-bit RGB picture."""
    return Image.fromarray(to_uint8(image).cpu().numpy(), "RGB")


def to_uint8(image: Tensor) -> Tensor:
    """Return (3, H, W) in [0, 1] as 8-bit pixels (H, W, 3) on the same device."""
    return _rounded(image, 255).to(torch.uint8).contiguous()


def to_uint16(image: Tensor) -> NDArray[np.uint16]:
    """Return (3, H, W) in [0, 1] as 16-bit pixels (H, W, 3)."""
    pixels: NDArray[np.float32] = _rounded(image, 65535).cpu().numpy()
    return pixels.astype(np.uint16)


def _rounded(image: Tensor, top: int) -> Tensor:
    return (image.clamp(0, 1) * top).round().permute(1, 2, 0)


def resize(image: Tensor, height: int, width: int, mode: str = "bicubic") -> Tensor:
    """Resize an image (1, C, H, W), with antialiasing when it shrinks."""
    if image.shape[-2:] == (height, width):
        return image
    return torch.nn.functional.interpolate(image, size=(height, width), mode=mode, antialias=True, align_corners=False)
