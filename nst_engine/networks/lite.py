"""The small network that ships with the package, trained to predict layers of larger networks.

`relu1a` sees edges and colors at full size. A second branch has a stem at half size, `relu2s`, and six blocks. Each has
a narrow layer, `relu3c` to `relu5b`, and a wide layer, `fire2` to `fire7`, which predicts the layer of SqueezeNet 1.1
of that name. See docs/internals/lite.md.

Input: (B, 3, H, W), RGB normalized with ImageNet's mean and standard deviation. At least 32 x 32 pixels.
"""

from torch import Tensor, nn

FIRST, STEM = 24, 64
# block: (its narrow layer, channels in, of the narrow layer, out)
BLOCKS = {
    "fire2": ("3c", STEM, 48, 128),
    "fire3": ("3d", 128, 48, 128),
    "fire4": ("4a", 128, 64, 256),
    "fire5": ("4b", 256, 64, 256),
    "fire6": ("5a", 256, 96, 384),
    "fire7": ("5b", 384, 96, 384),
}
POOLED = ("3c", "4a", "5a")  # these come after a pooling layer
LAYERS: tuple[str, ...] = (
    "relu1a",
    "relu2s",
    *(layer for block, (narrow, *_) in BLOCKS.items() for layer in (f"relu{narrow}", block)),
)


class Lite(nn.Module):
    """The network; `forward` returns the features of all layers by name.

    The padding at full size repeats the border, because zeros there show as a frame in an optimized picture. Deeper
    layers are padded with zeros, as the teacher's are.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1a = nn.Conv2d(3, FIRST, 3, padding=1, padding_mode="replicate")
        self.relu1a = nn.ReLU()
        self.conv2s, self.relu2s = nn.Conv2d(3, STEM, 3, stride=2), nn.ReLU()
        for block, (narrow, inputs, width, outputs) in BLOCKS.items():
            setattr(self, f"conv{narrow}", nn.Conv2d(inputs, width, 1))
            setattr(self, f"relu{narrow}", nn.ReLU())
            setattr(self, f"predict_{block}", nn.Conv2d(width, outputs, 3, padding=1))
            setattr(self, block, nn.ReLU())
        for name in POOLED:
            setattr(self, f"pool{name}", nn.MaxPool2d(3, 2, ceil_mode=True))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        found = {"relu1a": self.relu1a(self.conv1a(x)), "relu2s": self.relu2s(self.conv2s(x))}
        x = found["relu2s"]  # (B, C, H / 2, W / 2)
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
