"""The student: `lite` as it is while it learns."""

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from nst_engine.lite import HEADS, TRUNK, Lite
from tools.distill_teachers import TARGETS, VGG, VGG1_WINDOW


class Student(nn.Module):
    """The network in training: `Lite` with batch normalisation, and a head for every target."""

    def __init__(self) -> None:
        super().__init__()
        self.lite = Lite()
        for name, (inputs, outputs, stride, padding) in TRUNK.items():
            mode = getattr(self.lite, f"conv{name}").padding_mode
            conv = nn.Conv2d(inputs, outputs, 3, stride, padding, padding_mode=mode, bias=False)
            nn.init.kaiming_normal_(conv.weight)
            setattr(self.lite, f"conv{name}", nn.Sequential(conv, nn.BatchNorm2d(outputs)))
        extra = [name for name in TARGETS if name not in HEADS]
        self.extra = nn.ModuleDict(
            {name: nn.Conv2d(TRUNK[TARGETS[name].source][1], TARGETS[name].channels, 1) for name in extra}
        )

    def forward(self, images: Tensor, seen_by_vgg: int, start: str) -> dict[str, Tensor]:
        """Return the predictions of every target that reads layer `start` or a deeper one.

        What lies above `start` stays as it is: no gradient, no moving of the batch statistics.
        """
        names = tuple(TRUNK)
        cut = names.index(start)
        with torch.no_grad():
            kept = self.lite.trunk(images, names[:cut])
        layers = self.lite.trunk(kept[f"relu{names[cut - 1]}"] if cut else images, names[cut:])
        return {
            name: self.predict(name, layers[f"relu{target.source}"], seen_by_vgg)
            for name, target in TARGETS.items()
            if f"relu{target.source}" in layers
        }

    def predict(self, name: str, features: Tensor, seen_by_vgg: int) -> Tensor:
        """Return a head's output before its ReLU."""
        if name in self.extra:
            return self.extra[name](features)
        if name in VGG:
            features = features[:seen_by_vgg]
        if name == "vgg1":
            features = features[..., :VGG1_WINDOW, :VGG1_WINDOW]
        prediction: Tensor = getattr(self.lite, f"predict_{name}")(features)
        return prediction

    def hold(self, start: str) -> None:
        """Keep the batch statistics above `start` as they are."""
        self.train()
        names = tuple(TRUNK)
        for name in names[: names.index(start)]:
            getattr(self.lite, f"conv{name}").eval()

    def parts(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Return the kernels of the trunk's 3x3 convolutions, and everything else that learns."""
        convolutions = [p for p in self.parameters() if p.dim() == 4 and p.shape[2] == 3]
        return convolutions, [p for p in self.parameters() if p.dim() != 4 or p.shape[2] != 3]

    def folded(self) -> Lite:
        """Return the network as it ships, batch normalisation folded into the convolutions."""
        lite = Lite().eval()
        self.eval()
        for name in TRUNK:
            conv, norm = getattr(self.lite, f"conv{name}")
            setattr(lite, f"conv{name}", fuse_conv_bn_eval(conv, norm))
        for head in HEADS:
            setattr(lite, f"predict_{head}", getattr(self.lite, f"predict_{head}"))
        return lite
