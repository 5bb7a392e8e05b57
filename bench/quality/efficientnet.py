"""EfficientNet-Lite0 (Tan and Le 2019; Liu 2020), which nothing here is trained or tuned on: another judge."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import conv2d, pad

FILE = "efficientnet_lite0_blocks.safetensors"  # batch normalization folded into the convolutions
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1)  # of blocks 0 to 10
LAYERS = (0, 2, 4, 7, 10)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class EfficientNetLite:
    """The features of five blocks."""

    def __init__(self, weights_dir: Path) -> None:
        self._weights = {name: value.float() for name, value in load_file(weights_dir / FILE).items()}

    def features(self, image: Tensor) -> Mapping[str, Tensor]:
        """Return the outputs (1, C, h, w) of the blocks `LAYERS` for an image (1, 3, H, W) in [0, 1]."""
        x = (image - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)
        x, found = self._convolution(x, "stem", 2).clamp(0, 6), {}
        for index, stride in enumerate(STRIDES):
            x = self._block(x, index, stride)
            if index in LAYERS:
                found[f"block{index}"] = x
        return found

    def _block(self, x: Tensor, index: int, stride: int) -> Tensor:
        y = self._convolution(x, f"{index}.expand").clamp(0, 6) if index else x
        y = self._convolution(y, f"{index}.depthwise", stride, y.shape[1]).clamp(0, 6)
        y = self._convolution(y, f"{index}.project")
        return x + y if stride == 1 and x.shape == y.shape else y

    def _convolution(self, x: Tensor, name: str, stride: int = 1, groups: int = 1) -> Tensor:
        weight = self._weights[f"{name}.weight"]
        return conv2d(_same(x, weight.shape[-1], stride), weight, self._weights[f"{name}.bias"], stride, groups=groups)


def _same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Pad as TensorFlow's SAME does: the odd pixel goes to the right and to the bottom."""
    height, width = (max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[-2:])
    return pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))
