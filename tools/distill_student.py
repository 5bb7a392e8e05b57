"""The student: `lite` as it is while it learns."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from nst_engine.lite import BLOCKS, HEADS, POOLED, TRUNK, Lite
from tools.distill_teachers import VGG1_WINDOW

NORMALISED = (*(f"conv{name}" for name in TRUNK), *(f"conv{narrow}" for narrow, *_ in BLOCKS.values()))


class Student(nn.Module):
    """`Lite` with batch normalisation behind every convolution that does not predict a target itself."""

    def __init__(self) -> None:
        super().__init__()
        self.lite = Lite()
        for name in NORMALISED:
            conv = getattr(self.lite, name)
            conv.bias = None
            nn.init.kaiming_normal_(conv.weight)
            setattr(self.lite, name, nn.Sequential(conv, nn.BatchNorm2d(conv.out_channels)))

    def forward(self, images: Tensor, seen_by_vgg: int, taught: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
        """Return every target's prediction, before its ReLU.

        With `taught`, each block starts from what the teacher says that the block before should have said.
        """
        found = self.blocks(images, taught)
        return found | self.heads(images[:seen_by_vgg]) if seen_by_vgg else found

    def heads(self, images: Tensor) -> dict[str, Tensor]:
        layers = self.lite.trunk(images)
        found = {}
        for head, (source, _) in HEADS.items():
            features = layers[f"relu{source}"]
            if head == "vgg1":
                features = features[..., :VGG1_WINDOW, :VGG1_WINDOW]
            found[head] = getattr(self.lite, f"predict_{head}")(features)
        return found

    def blocks(self, images: Tensor, taught: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
        last = "relu2s"
        found = {last: self.lite.conv2s(images)}
        for block, (narrow, *_) in BLOCKS.items():
            x = found[last].relu() if taught is None else taught[last]
            if narrow in POOLED:
                x = getattr(self.lite, f"pool{narrow}")(x)
            found[block] = getattr(self.lite, f"predict_{block}")(getattr(self.lite, f"conv{narrow}")(x).relu())
            last = block
        return found

    def hold_trunk(self) -> None:
        """Keep the first branch's batch statistics as they are: few pictures make them noisy."""
        for name in TRUNK:
            getattr(self.lite, f"conv{name}").eval()

    def parts(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Return the kernels, and everything else that learns."""
        kernels = [p for p in self.parameters() if p.dim() == 4]
        return kernels, [p for p in self.parameters() if p.dim() != 4]

    def folded(self) -> Lite:
        """Return the network as it ships, batch normalisation folded into the convolutions."""
        lite = Lite().eval()
        self.eval()
        with torch.no_grad():
            for name, module in self.lite.named_children():
                setattr(lite, name, fuse_conv_bn_eval(*module) if name in NORMALISED else module)
        return lite
