"""How pixels become network input, and networks turned from the input they were trained with into another.

Weights belong to the input that they were trained with. A preset belongs to the system that it reproduces, whose loss
weights count on the units of that system's pixels and on the size of its features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nst_engine.spec.enums import InputConvention

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CAFFE_MEAN = (123.68, 116.779, 103.939)  # RGB; the mean image of ImageNet that the VGG authors subtracted


@dataclass(frozen=True, kw_only=True)
class Normalization:
    """What is subtracted from RGB pixels in [0, 1], and what they are then divided by.

    `bgr`: whether weights trained with it read the channels in the order BGR. `features`: how large the features are,
    where those of torchvision's networks are 1.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    bgr: bool = False
    features: float = 1.0


def caffe(mean: tuple[float, float, float]) -> Normalization:
    """Return the normalization of VGG in Caffe: BGR, 0…255, minus `mean` (given as RGB); features of about 30."""
    return Normalization(mean=tuple(m / 255 for m in mean), std=(1 / 255,) * 3, bgr=True, features=30)


NORMALIZATIONS = {
    InputConvention.TORCHVISION: Normalization(mean=IMAGENET_MEAN, std=IMAGENET_STD),
    InputConvention.CAFFE: caffe(CAFFE_MEAN),
    InputConvention.MEAN255: Normalization(mean=IMAGENET_MEAN, std=(1 / 255,) * 3, features=30),
}


def fit_to_preset(body: nn.Module, weights: InputConvention, preset: InputConvention) -> None:
    """Make a network whose weights have one convention take the RGB input of a preset's convention, in place."""
    # The system that MEAN255 reproduces gives such input to torchvision's weights as they are.
    if (weights, preset) != (InputConvention.TORCHVISION, InputConvention.MEAN255):
        change_input(body, NORMALIZATIONS[weights], NORMALIZATIONS[preset])


@torch.no_grad()
def change_input(body: nn.Module, trained: Normalization, given: Normalization) -> None:
    """Turn a network from the input that it was trained with into one that takes RGB input with another normalization.

    Its features are scaled from the size of the first to that of the second. ReLU, pooling and batch normalization
    pass a factor on, so that it is enough to scale biases, running means and the convolutions that read pixels.
    Exact away from the border: zero padding stands for the mean, which differs by a level of 255 between conventions.
    """
    gain = given.features / trained.features
    for module in body.modules():
        if isinstance(module, nn.Conv2d) and module.in_channels == 3:
            _change_pixels(module, trained, given, gain)
        elif isinstance(module, nn.Conv2d | nn.BatchNorm2d):
            for value in (module.bias, getattr(module, "running_mean", None)):
                if value is not None:
                    value.mul_(gain)


def _change_pixels(conv: nn.Conv2d, trained: Normalization, given: Normalization, gain: float) -> None:
    """Let a convolution that reads pixels compute the same from other input, times `gain`."""
    weight = conv.weight.flip(1) if trained.bgr else conv.weight
    if trained.mean != given.mean:
        shift = _channels(given.mean) - _channels(trained.mean)
        bias = (weight * (shift / _channels(trained.std))).sum((1, 2, 3))
        conv.bias = nn.Parameter(bias if conv.bias is None else conv.bias + bias)
    if conv.bias is not None:
        conv.bias.mul_(gain)
    conv.weight = nn.Parameter(weight * (gain * _channels(given.std) / _channels(trained.std)))


def _channels(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values).view(3, 1, 1)
