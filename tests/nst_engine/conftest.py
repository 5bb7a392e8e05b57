"""Weights of the right shape where the real ones are not to be had, and the real ones of ../shared where they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from nst_engine.networks.features import NetworkSpec, build_body
from nst_engine.spec.enums import Model
from tests.nst_engine.tiny import seeded

SHARED_WEIGHTS = Path(__file__).parents[3] / "shared" / "weights"

# The deepest layer that the tests here ask of each network: as much of it as must be written to disk.
REACHES = {"vgg19": "conv5_2", "vgg16": "conv3_1", "resnet50": "layer2", "inception_v3": "Mixed_5c"}


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Compute in one thread: the pictures are small, and threads that wait for each other are slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with random weights of four networks under torchvision's names."""
    folder = tmp_path_factory.mktemp("weights")
    for model, layer in REACHES.items():
        body = build_body(NetworkSpec(model=Model(model), layers=(layer,))).to_empty(device="cpu")
        save_file(dict(seeded(body).state_dict()), folder / f"{model}.safetensors")
    return folder


@pytest.fixture(scope="session")
def shared_weights() -> Path:
    """Return the folder of real weights; what uses it is marked `shared`."""
    return SHARED_WEIGHTS
