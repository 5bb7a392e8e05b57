"""The small extractor that ships with the package: a VGG-like trunk with SqueezeNet's geometry, and heads.

The trunk's layers are `relu1a` to `relu5b`. Each head is a 1x1 convolution and a ReLU on one of them, trained to
predict one layer of a large network (see docs/lite.md): statistics may be taken where that network has its own.

Roles: style1 relu1a, style2 vgg2, style3 vgg3, style4 fire5, style5 fire7, content fire3.

Input: (B, 3, H, W), RGB normalised with ImageNet's mean and standard deviation. At least 32 x 32 pixels.
"""

from typing import Literal

from torch import Tensor, nn

# name: (channels in, channels out, stride, padding); a pool stands before the first layer of stages 3, 4 and 5.
TRUNK = {
    "1a": (3, 24, 1, 1),
    "2a": (24, 48, 2, 0),
    "2b": (48, 64, 1, 1),
    "3a": (64, 96, 1, 1),
    "3b": (96, 128, 1, 1),
    "4a": (128, 128, 1, 1),
    "4b": (128, 160, 1, 1),
    "5a": (160, 160, 1, 1),
    "5b": (160, 192, 1, 1),
}
# head: (the trunk layer that it reads, channels out)
HEADS = {
    "vgg1": ("1a", 64),
    "vgg2": ("2b", 128),
    "vgg3": ("3b", 256),
    "fire3": ("3b", 128),
    "fire5": ("4b", 256),
    "fire7": ("5b", 384),
}
LAYERS: tuple[str, ...] = (*(f"relu{name}" for name in TRUNK), *HEADS)


class Lite(nn.Module):
    """Run every layer; `forward` returns them by name.

    Replicate padding at full and half size, because zeros there show as a frame in an optimised picture; zeros further
    down, as the teachers have.
    """

    def __init__(self) -> None:
        super().__init__()
        for name, (inputs, outputs, stride, padding) in TRUNK.items():
            mode: Literal["replicate", "zeros"] = "replicate" if name in ("1a", "2b") else "zeros"
            if name in ("3a", "4a", "5a"):
                setattr(self, f"pool{name[0]}", nn.MaxPool2d(3, 2, ceil_mode=True))
            setattr(self, f"conv{name}", nn.Conv2d(inputs, outputs, 3, stride, padding, padding_mode=mode))
            setattr(self, f"relu{name}", nn.ReLU())
        for head, (source, outputs) in HEADS.items():
            setattr(self, f"predict_{head}", nn.Conv2d(TRUNK[source][1], outputs, 1))
            setattr(self, head, nn.ReLU())

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        found = self.trunk(x)
        return found | {head: self.head(head, found[f"relu{source}"]) for head, (source, _) in HEADS.items()}

    def trunk(self, x: Tensor, names: tuple[str, ...] = tuple(TRUNK)) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name in names:
            if name in ("3a", "4a", "5a"):
                x = self.get_submodule(f"pool{name[0]}")(x)
            x = self.get_submodule(f"relu{name}")(self.get_submodule(f"conv{name}")(x))
            found[f"relu{name}"] = x  # (B, C, H / 2**(stage - 1), W / 2**(stage - 1))
        return found

    def head(self, name: str, x: Tensor) -> Tensor:
        features: Tensor = self.get_submodule(name)(self.get_submodule(f"predict_{name}")(x))
        return features
