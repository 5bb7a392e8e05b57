"""The student: `lite` during training."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from nst_engine.networks.lite import BLOCKS, FIRST, POOLED, Lite
from tools.distill.teachers import WINDOW

NORMALIZED = ("conv1a", *(f"conv{narrow}" for narrow, *_ in BLOCKS.values()))


class Student(nn.Module):
    """`Lite` with batch normalization behind every convolution that does not predict a target itself.

    A 1x1 head on `relu1a` predicts VGG-19's relu1_1; only the training needs it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lite = Lite()
        self.predict_vgg1 = nn.Conv2d(FIRST, 64, 1)
        for name in NORMALIZED:
            conv = getattr(self.lite, name)
            conv.bias = None
            nn.init.kaiming_normal_(conv.weight)
            setattr(self.lite, name, nn.Sequential(conv, nn.BatchNorm2d(conv.out_channels)))

    def forward(self, images: Tensor, teacher: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
        """Return every target's prediction, before its ReLU.

        With the teacher's features, each block gets those of the layer before as input (teacher forcing).
        """
        edges = self.lite.conv1a(images[..., :WINDOW, :WINDOW])[..., 1:-1, 1:-1].relu()
        found = {"vgg1": self.predict_vgg1(edges), "relu2s": self.lite.conv2s(images)}
        last = "relu2s"
        for block, (narrow, *_) in BLOCKS.items():
            x = found[last].relu() if teacher is None else teacher[last]
            if narrow in POOLED:
                x = getattr(self.lite, f"pool{narrow}")(x)
            found[block] = getattr(self.lite, f"predict_{block}")(getattr(self.lite, f"conv{narrow}")(x).relu())
            last = block
        return found

    def parameter_groups(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Return the kernels, and all other parameters."""
        kernels = [p for p in self.parameters() if p.dim() == 4]
        return kernels, [p for p in self.parameters() if p.dim() != 4]

    def fused(self) -> Lite:
        """Return the network as it ships, with batch normalization fused into the convolutions."""
        lite = Lite().eval()
        self.eval()
        with torch.no_grad():
            for name, module in self.lite.named_children():
                setattr(lite, name, fuse_conv_bn_eval(*module) if name in NORMALIZED else module)
        return lite
