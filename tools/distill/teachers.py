"""The teachers, and the losses of a student's features compared with theirs."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import squeezenet1_1
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.models.vgg import cfgs, make_layers

# Names here of each teacher's layers.
VGG_NODES = {"1": "vgg1"}
SQUEEZE_NODES = {"1": "relu2s", "3": "fire2", "4": "fire3", "6": "fire4", "7": "fire5", "9": "fire6", "10": "fire7"}
TARGETS = (*VGG_NODES.values(), *SQUEEZE_NODES.values())
# relu1_1 is at full size: a window is enough to learn from, and the whole would be the slowest part of a step.
WINDOW = 66
GRAM_TARGETS = ("vgg1", "fire2", "fire3", "fire5", "fire7")
MEAN, STD = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


def normalize(images: Tensor) -> Tensor:
    """Normalize images (B, 3, H, W) in [0, 1] by ImageNet's mean and standard deviation."""
    return (images - MEAN) / STD


class Teachers:
    """VGG-19's relu1_1 and SqueezeNet 1.1 to fire7, from files in torchvision's key layout."""

    def __init__(self, folder: Path) -> None:
        self.squeeze = load_frozen(
            squeezenet1_1(weights=None).features, folder / "squeezenet1_1_features.safetensors", SQUEEZE_NODES
        )
        self.vgg = load_frozen(make_layers(cfgs["E"][:7]), folder / "vgg19_to_conv3_1.safetensors", VGG_NODES)

    @torch.no_grad()
    def features(self, images: Tensor) -> dict[str, Tensor]:
        """Compute every target of (B, 3, S, S) images."""
        found: dict[str, Tensor] = self.squeeze(images)
        (edges,) = self.vgg(images[..., :WINDOW, :WINDOW]).values()
        return found | {"vgg1": edges[..., 1:-1, 1:-1]}  # without the border, which its zero padding spoils


def load_frozen(features: nn.Module, weights: Path, nodes: dict[str, str]) -> nn.Module:
    """Load the weights, which torchvision names `features.…`, and return the network up to the nodes."""
    features.load_state_dict({key.removeprefix("features."): t for key, t in load_file(weights).items()})
    for module in features.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    cut = create_feature_extractor(features.eval(), nodes).requires_grad_(False)
    return cut.to(memory_format=torch.channels_last)


def gram(features: Tensor) -> Tensor:
    """Return the Gram matrices (B, C, C) of features (B, C, H, W)."""
    flat = features.flatten(2)  # (B, C, H * W)
    return flat @ flat.mT / flat.shape[2]


def feature_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared error of predictions before their ReLU, for targets with a variance of one.

    Where the target is zero, any negative value is correct. Elsewhere a negative value still has a gradient: behind a
    plain ReLU, the strongest and rarest channels died within minutes.
    """
    counts = (target > 0) | (prediction > 0)
    return ((prediction - target) * counts).square().mean()


def gram_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Return the mean over pictures of the relative squared distance between Gram matrices."""
    g, a = gram(prediction), gram(target)
    floor = 1e-3 * a.shape[1]  # the Gram matrix of a flat picture is almost zero
    return ((g - a).square().sum((1, 2)) / (a.square().sum((1, 2)) + floor)).mean()
