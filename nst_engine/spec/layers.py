"""The layers of the networks by readable name, and their roles; loads no torch.

A role (`content`, `style1` … `style5`) names a layer of every network, so that a preset made for VGG runs on the
others.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

ROLES = ("content", "style1", "style2", "style3", "style4", "style5")
HYPERCOLUMN = "hypercolumn"  # stands for all layers in `NetworkInfo.hypercolumn`
RGB = "rgb"  # the pixels themselves, as a layer of a hypercolumn


@dataclass(frozen=True, kw_only=True)
class NetworkInfo:
    """Describe a network without loading it.

    `layers` maps readable names to torchvision's, shallow to deep. `hypercolumn` are the layers that are joined to
    hypercolumns. `receptive_field` is an upper bound of its radius in pixels, for the deepest layer. `min_side` is the
    shortest side that the whole network can take. Images of at most `single_thread_pixels` pixels are computed on one
    thread.
    """

    name: str
    summary: str
    layers: Mapping[str, str]
    roles: Mapping[str, str]
    hypercolumn: tuple[str, ...]
    receptive_field: int = 128
    min_side: int = 32
    single_thread_pixels: int = 0


# Of the small networks: two threads take up to twice as long as one; see docs/adr/0014-memory-threads-precision.md.
SINGLE_THREAD_PIXELS = 192 * 192


def _names(text: str) -> list[str]:
    return text.split()


def _vgg(name: str, summary: str, convolutions: tuple[int, ...]) -> NetworkInfo:
    layers, index = {}, 0
    for block, count in enumerate(convolutions, start=1):
        for i in range(1, count + 1):
            layers[f"conv{block}_{i}"] = f"features.{index}"
            layers[f"relu{block}_{i}"] = f"features.{index + 1}"
            index += 2
        layers[f"pool{block}"] = f"features.{index}"
        index += 1
    roles = {"content": "relu4_2"} | {f"style{k}": f"relu{k}_1" for k in range(1, 6)}
    return NetworkInfo(
        name=name,
        summary=summary,
        layers=layers,
        roles=roles,
        # Those of Kolkin et al. 2019.
        hypercolumn=tuple(f"relu{index}" for index in _names("1_1 1_2 2_1 2_2 3_1 3_2 3_3 4_3 5_3")),
    )


def _squeezenet() -> NetworkInfo:
    order = _names("conv1 relu1 pool1 fire2 fire3 pool3 fire4 fire5 pool5 fire6 fire7 fire8 fire9")
    return NetworkInfo(
        name="squeezenet1_1",
        summary="SqueezeNet v1.1 (Iandola et al. 2016, trained on ImageNet): small and quick",
        single_thread_pixels=SINGLE_THREAD_PIXELS,
        layers={layer: f"features.{index}" for index, layer in enumerate(order)},
        hypercolumn=tuple(f"fire{k}" for k in range(2, 8)),
        roles={
            "content": "fire3",
            "style1": "relu1",
            "style2": "fire2",
            "style3": "fire3",
            "style4": "fire5",
            "style5": "fire7",
        },
    )


def _resnet50() -> NetworkInfo:
    layers = {"conv1": "conv1", "relu1": "relu", "pool1": "maxpool"}
    for k, n in enumerate((3, 4, 6, 3), 1):
        layers |= {f"layer{k}_{i}": f"layer{k}.{i - 1}" for i in range(1, n)} | {f"layer{k}": f"layer{k}"}
    return NetworkInfo(
        name="resnet50",
        summary="ResNet-50 (He et al. 2015, trained on ImageNet)",
        receptive_field=256,
        layers=layers,
        hypercolumn=("relu1", "layer1", "layer2", "layer3", "layer4"),
        roles={
            "content": "layer2",
            "style1": "relu1",
            "style2": "layer1",
            "style3": "layer2",
            "style4": "layer3",
            "style5": "layer4",
        },
    )


def _inception() -> NetworkInfo:
    order = _names(
        "Conv2d_1a_3x3 Conv2d_2a_3x3 Conv2d_2b_3x3 maxpool1 Conv2d_3b_1x1 Conv2d_4a_3x3 maxpool2 "
        "Mixed_5b Mixed_5c Mixed_5d Mixed_6a Mixed_6b Mixed_6c Mixed_6d Mixed_6e Mixed_7a Mixed_7b "
        "Mixed_7c"
    )
    return NetworkInfo(
        name="inception_v3",
        summary="Inception v3 (Szegedy et al. 2015, trained on ImageNet)",
        receptive_field=704,
        min_side=75,
        layers={layer: layer for layer in order},
        hypercolumn=tuple(
            _names("Conv2d_1a_3x3 Conv2d_2b_3x3 Conv2d_4a_3x3 Mixed_5b Mixed_5c Mixed_5d Mixed_6a Mixed_6b")
        ),
        roles={
            "content": "Mixed_5d",
            "style1": "Conv2d_1a_3x3",
            "style2": "Conv2d_2b_3x3",
            "style3": "Conv2d_4a_3x3",
            "style4": "Mixed_5d",
            "style5": "Mixed_6c",
        },
    )


def _lite(name: str, summary: str) -> NetworkInfo:
    vgg = _vgg(name, summary, (2, 2, 3, 3, 1))
    layers = {layer: layer for layer in vgg.layers if layer != "pool5"}
    hypercolumn = (*vgg.hypercolumn[:-1], "relu5_1")
    return replace(vgg, layers=layers, hypercolumn=hypercolumn, single_thread_pixels=SINGLE_THREAD_PIXELS)


NETWORKS: Mapping[str, NetworkInfo] = {
    info.name: info
    for info in (
        _lite("lite", "VGG-16 to relu5_1 at a quarter of its work, part of the package: works offline"),
        _lite("lite-small", "lite with a third of its work, part of the package: for drafts"),
        _vgg("vgg19", "VGG-19 (Simonyan and Zisserman 2014, trained on ImageNet)", (2, 2, 4, 4, 4)),
        _squeezenet(),
        _vgg("vgg16", "VGG-16 (Simonyan and Zisserman 2014, trained on ImageNet)", (2, 2, 3, 3, 3)),
        _vgg("vgg16-edges", "VGG-16 trained further to detect edges; from the Python package index", (2, 2, 3, 3, 3)),
        _resnet50(),
        _inception(),
    )
}


def resolve_layers(wanted: Mapping[str, float], network: NetworkInfo) -> dict[str, float]:
    """Return the weights by layer of `network`. Roles and VGG's names become its own layers; if two meet, they add up.

    Raises ValueError with the closest name if a layer is unknown.
    """
    found: dict[str, float] = {}
    for name, weight in wanted.items():
        layer = _own_layer(name, network)
        found[layer] = found.get(layer, 0.0) + weight
    return found


def resolve_columns(wanted: Mapping[str, float], network: NetworkInfo) -> dict[str, float]:
    """Return the factors by layer of `network`, shallow to deep, that a hypercolumn is joined from; `rgb` comes first.

    `hypercolumn` becomes the network's list. On other networks, a layer of VGG becomes the style layer of its block.
    Raises ValueError with the closest name if a layer is unknown.
    """
    found: dict[str, float] = {}
    for name, factor in wanted.items():
        for layer in network.hypercolumn if name == HYPERCOLUMN else (_column_layer(name, network),):
            found[layer] = max(found.get(layer, 0.0), factor)
    return {layer: found[layer] for layer in (RGB, *network.layers) if found.get(layer)}


def _column_layer(name: str, network: NetworkInfo) -> str:
    if name == RGB:
        return name
    is_of_vgg = name not in network.layers and name in NETWORKS["vgg19"].layers
    return network.roles[f"style{name[4]}"] if is_of_vgg else _own_layer(name, network)


def _own_layer(name: str, network: NetworkInfo) -> str:
    if name in network.roles:
        return network.roles[name]
    if name in network.layers:
        return name
    if name in NETWORKS["vgg19"].layers and not network.name.startswith("vgg"):
        return _stand_in(name, network)
    near = difflib.get_close_matches(name, [*network.layers, *ROLES], n=1, cutoff=0.0)
    raise ValueError(
        f"{network.name} has no layer {name!r}; did you mean {near[0]!r}? Layers: {', '.join(network.layers)}"
    )


def _stand_in(name: str, network: NetworkInfo) -> str:
    """Return the stand-in for a layer of VGG: a block's first layer is a style layer, later ones are content layers."""
    match = re.fullmatch(r"(?:conv|relu|pool)(\d)(?:_(\d))?", name)
    assert match is not None
    block, index = match.groups()
    return network.roles[f"style{block}" if index == "1" else "content"]
