"""The teacher: VGG-16 up to relu5_1, with the border repeated by every convolution."""

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from nst_engine.networks.conventions import IMAGENET_MEAN, IMAGENET_STD
from nst_engine.networks.lite import LITE
from nst_engine.spec.layers import NETWORKS

Kernel = tuple[Tensor, Tensor]  # (outputs, inputs, 3, 3) and (outputs,)


def load_teacher(path: Path) -> Mapping[str, Kernel]:
    """Read weights and biases, by the names of the student's convolutions, from a file in torchvision's key layout."""
    state = {name: tensor.float() for name, tensor in load_file(path).items()}
    modules = {name: NETWORKS["vgg16"].layers[f"conv{name}"] for name in LITE}
    return {name: (state[f"{module}.weight"], state[f"{module}.bias"]) for name, module in modules.items()}


def normalize(images: Tensor) -> Tensor:
    """Normalize images (B, 3, H, W) in [0, 1] by ImageNet's mean and standard deviation."""
    mean, std = (images.new_tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (images - mean) / std


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolve (B, C, H, W) by a 3x3 kernel, the border repeated."""
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), weight, bias)
