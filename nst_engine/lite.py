"""The small extractor that ships with the package: two branches, each trained to predict layers of a larger network.

The first branch is a plain stack of convolutions, `relu1a` to `relu3b`; the heads `vgg1`, `vgg2` and `vgg3` on it
predict VGG-19's relu1_1, relu2_1 and relu3_1. The second has a stem at half size, `relu2s`, and six blocks: a narrow
layer, `relu3c` to `relu5b`, and a wide one, `fire2` to `fire7`, which predicts that layer of SqueezeNet 1.1. See
docs/lite.md.

Input: (B, 3, H, W), RGB normalised with ImageNet's mean and standard deviation. At least 32 x 32 pixels.
"""

from typing import Literal

from torch import Tensor, nn

# name: (channels in, channels out, stride, padding)
TRUNK = {
    "1a": (3, 24, 1, 1),
    "2a": (24, 48, 2, 0),
    "2b": (48, 64, 1, 1),
    "3a": (64, 96, 1, 1),
    "3b": (96, 128, 1, 1),
}
# head: (the trunk layer that it reads, channels out)
HEADS = {"vgg1": ("1a", 64), "vgg2": ("2b", 128), "vgg3": ("3b", 256)}
STEM = 64
# block: (its narrow layer, channels in, of the narrow layer, out)
BLOCKS = {
    "fire2": ("3c", STEM, 32, 128),
    "fire3": ("3d", 128, 32, 128),
    "fire4": ("4a", 128, 48, 256),
    "fire5": ("4b", 256, 48, 256),
    "fire6": ("5a", 256, 64, 384),
    "fire7": ("5b", 384, 64, 384),
}
POOLED = ("3a", "3c", "4a", "5a")  # a pool stands before these
LAYERS: tuple[str, ...] = (
    *(f"relu{name}" for name in TRUNK),
    *HEADS,
    "relu2s",
    *(layer for block, (narrow, *_) in BLOCKS.items() for layer in (f"relu{narrow}", block)),
)


class Lite(nn.Module):
    """Run every layer; `forward` returns them by name.

    Replicate padding at full and half size, because zeros there show as a frame in an optimised picture; zeros further
    down, as the teachers have.
    """

    def __init__(self) -> None:
        super().__init__()
        for name, (inputs, outputs, stride, padding) in TRUNK.items():
            mode: Literal["replicate", "zeros"] = "replicate" if name in ("1a", "2b") else "zeros"
            setattr(self, f"conv{name}", nn.Conv2d(inputs, outputs, 3, stride, padding, padding_mode=mode))
            setattr(self, f"relu{name}", nn.ReLU())
        for head, (source, outputs) in HEADS.items():
            setattr(self, f"predict_{head}", nn.Conv2d(TRUNK[source][1], outputs, 1))
            setattr(self, head, nn.ReLU())
        self.conv2s, self.relu2s = nn.Conv2d(3, STEM, 3, stride=2), nn.ReLU()
        for block, (narrow, inputs, width, outputs) in BLOCKS.items():
            setattr(self, f"conv{narrow}", nn.Conv2d(inputs, width, 1))
            setattr(self, f"relu{narrow}", nn.ReLU())
            setattr(self, f"predict_{block}", nn.Conv2d(width, outputs, 3, padding=1))
            setattr(self, block, nn.ReLU())
        for name in POOLED:
            setattr(self, f"pool{name}", nn.MaxPool2d(3, 2, ceil_mode=True))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        found = self.trunk(x)
        found |= {
            head: self.run(f"predict_{head}", head, found[f"relu{source}"]) for head, (source, _) in HEADS.items()
        }
        return found | self.branch(x)

    def trunk(self, x: Tensor) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name in TRUNK:
            if name in POOLED:
                x = self.get_submodule(f"pool{name}")(x)
            x = self.run(f"conv{name}", f"relu{name}", x)
            found[f"relu{name}"] = x  # (B, C, H / 2**(stage - 1), W / 2**(stage - 1))
        return found

    def branch(self, x: Tensor) -> dict[str, Tensor]:
        found = {"relu2s": self.relu2s(self.conv2s(x))}  # (B, C, H / 2, W / 2)
        x = found["relu2s"]
        for block, (narrow, *_) in BLOCKS.items():
            if narrow in POOLED:
                x = self.get_submodule(f"pool{narrow}")(x)
            found[f"relu{narrow}"] = self.run(f"conv{narrow}", f"relu{narrow}", x)
            x = self.run(f"predict_{block}", block, found[f"relu{narrow}"])
            found[block] = x  # (B, C, H / 2**(stage - 1), W / 2**(stage - 1))
        return found

    def run(self, convolution: str, relu: str, x: Tensor) -> Tensor:
        features: Tensor = self.get_submodule(relu)(self.get_submodule(convolution)(x))
        return features
