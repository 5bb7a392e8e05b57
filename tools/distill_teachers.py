"""The teachers, and the losses of a student against their layers."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import squeezenet1_1
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.models.vgg import cfgs, make_layers

# What each teacher's layers are called here, and the cells at the border that are not compared: VGG sees the picture
# moved, so its border is not the student's.
VGG_NODES = {"1": "vgg1", "6": "vgg2", "11": "vgg3"}
SQUEEZE_NODES = {"1": "relu2s", "3": "fire2", "4": "fire3", "6": "fire4", "7": "fire5", "9": "fire6", "10": "fire7"}
TARGETS = (*VGG_NODES.values(), *SQUEEZE_NODES.values())
JUDGED = ("vgg1", "vgg2", "vgg3", "fire3", "fire5", "fire7")
VGG_MARGIN = 2
# At full size a window is plenty to learn from, and a head on all of it the slowest part of a step.
VGG1_WINDOW = 64
MEAN, STD = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


def normalise(images: Tensor) -> Tensor:
    return (images - MEAN) / STD


class Teachers:
    """VGG-19 to relu3_1 and SqueezeNet 1.1, from files in torchvision's key layout."""

    def __init__(self, folder: Path) -> None:
        squeeze = squeezenet1_1(weights=None).features
        vgg = make_layers(cfgs["E"][:7])
        self.squeeze = frozen(squeeze, folder / "squeezenet1_1_features.safetensors", SQUEEZE_NODES)
        self.vgg = frozen(vgg, folder / "vgg19_to_conv3_1.safetensors", VGG_NODES)

    @torch.no_grad()
    def features(self, images: Tensor, seen_by_vgg: int) -> dict[str, Tensor]:
        """Compute every target of (B, 3, S + 1, S + 1) images, VGG's on the first few alone, as it is the slow one.

        VGG sees the picture moved by one pixel: its pooling grid then lies half a cell from the student's, not one and
        a half.
        """
        found: dict[str, Tensor] = self.squeeze(images[..., :-1, :-1])
        return found | self.vgg(images[:seen_by_vgg, :, 1:, 1:]) if seen_by_vgg else found


def frozen(features: nn.Module, weights: Path, nodes: dict[str, str]) -> nn.Module:
    """Load the weights, which torchvision keys as `features.…`, and cut the network at the nodes."""
    features.load_state_dict({key.removeprefix("features."): t for key, t in load_file(weights).items()})
    for module in features.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    cut = create_feature_extractor(features.eval(), nodes).requires_grad_(False)
    return cut.to(memory_format=torch.channels_last)


def inner(name: str, prediction: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Cut both to the cells that lie on each other."""
    if name in SQUEEZE_NODES.values():
        return prediction, wanted
    if name == "vgg1":
        prediction, wanted = prediction[..., 1:, 1:], wanted[..., : VGG1_WINDOW - 1, : VGG1_WINDOW - 1]
    height, width = (min(a, b) for a, b in zip(prediction.shape[2:], wanted.shape[2:], strict=True))
    cut = (..., slice(VGG_MARGIN, height - VGG_MARGIN), slice(VGG_MARGIN, width - VGG_MARGIN))
    return prediction[cut], wanted[cut]


def gram(features: Tensor) -> Tensor:
    flat = features.flatten(2)  # (B, C, H * W)
    return flat @ flat.mT / flat.shape[2]


def unexplained(prediction: Tensor, wanted: Tensor) -> Tensor:
    """Return the error of predictions, taken before their ReLU, of features whose variance is one.

    Where the teacher is silent any negative value is right. Where it is not, a negative value still has a gradient:
    behind a plain ReLU the strongest, rarest channels died within minutes and stayed dead.
    """
    return torch.where(wanted > 0, prediction - wanted, prediction.relu()).square().mean()


def style_distance(prediction: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean over pictures of the relative distance between Gram matrices, as a judge takes it."""
    g, a = gram(prediction), gram(wanted)
    floor = 1e-3 * a.shape[1]  # a flat picture has next to no Gram matrix to divide by
    return ((g - a).square().sum((1, 2)) / (a.square().sum((1, 2)) + floor)).mean()
