"""The weights as they ship."""

from pathlib import Path

from nst_engine.networks.weights import write
from tools.distill.student import Student

METADATA = {
    "model": "lite",
    "teachers": "VGG-19's relu1_1, normalized (Simonyan and Zisserman; Gatys et al.; CC BY 4.0); "
    "SqueezeNet 1.1 (Iandola et al.; BSD-2-Clause)",
}


def export(student: Student, path: Path) -> None:
    """Write the network with its batch normalization fused, in float16, with a hash and the names of its teachers."""
    write(path, {name: tensor.half() for name, tensor in student.fused().state_dict().items()}, METADATA)
