"""The networks that ship with the package: VGG-16 up to relu5_1, with convolutions of low rank.

Layers have the names, the strides and the places of VGG-16's, so that every preset made for VGG runs on them. See
docs/internals/lite.md.

Input: (B, 3, H, W), RGB normalized with ImageNet's mean and standard deviation. At least 32 x 32 pixels.
"""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor, nn


class Ranks(NamedTuple):
    """Channels out of a convolution, and the ranks that its input and its output are reduced to; None: not reduced."""

    channels: int
    input: int | None = None
    output: int | None = None


LITE: Mapping[str, Ranks] = {
    "1_1": Ranks(24),
    "1_2": Ranks(32),
    "2_1": Ranks(128, output=44),
    "2_2": Ranks(96, input=40, output=48),
    "3_1": Ranks(256, input=64, output=96),
    "3_2": Ranks(256, input=96, output=96),
    "3_3": Ranks(256, input=96, output=96),
    "4_1": Ranks(512, input=128, output=192),
    "4_2": Ranks(512, input=192, output=192),
    "4_3": Ranks(512, input=192, output=192),
    "5_1": Ranks(512, input=192, output=192),
}
LITE_SMALL: Mapping[str, Ranks] = {
    "1_1": Ranks(16),
    "1_2": Ranks(24),
    "2_1": Ranks(64, output=32),
    "2_2": Ranks(64, input=24, output=32),
    "3_1": Ranks(128, input=32, output=48),
    "3_2": Ranks(128, input=40, output=48),
    "3_3": Ranks(128, input=40, output=48),
    "4_1": Ranks(256, input=64, output=96),
    "4_2": Ranks(256, input=96, output=96),
    "4_3": Ranks(256, input=96, output=96),
    "5_1": Ranks(256, input=96, output=96),
}
BUNDLED = {"lite": LITE, "lite-small": LITE_SMALL}  # by the names of networks and files
POOLED = ("2_1", "3_1", "4_1", "5_1")  # these come after a pooling layer


class LowRank(nn.Sequential):
    """A 3x3 convolution as up to three: to fewer channels, 3x3 among those, and to all channels.

    The border is repeated, because zeros there show as a frame in an optimized picture.
    """

    def __init__(self, inputs: int, ranks: Ranks) -> None:
        super().__init__()
        if ranks.input:
            self.down = nn.Conv2d(inputs, ranks.input, 1, bias=False)
        inner, bias = ranks.output or ranks.channels, ranks.output is None
        self.core = nn.Conv2d(ranks.input or inputs, inner, 3, padding=1, padding_mode="replicate", bias=bias)
        if ranks.output:
            self.up = nn.Conv2d(inner, ranks.channels, 1)


class Lite(nn.Module):
    """A network; `forward` returns the output of every layer by name."""

    def __init__(self, convolutions: Mapping[str, Ranks] = LITE) -> None:
        super().__init__()
        inputs = 3
        for name, ranks in convolutions.items():
            if name in POOLED:
                self.add_module(f"pool{int(name[0]) - 1}", nn.MaxPool2d(2))
            self.add_module(f"conv{name}", LowRank(inputs, ranks))
            self.add_module(f"relu{name}", nn.ReLU())
            inputs = ranks.channels

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        found = {}
        for name, layer in self.named_children():
            found[name] = x = layer(x)
        return found
