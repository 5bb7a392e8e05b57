from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from nst_engine import load_network
from nst_engine.networks import weights
from nst_engine.networks.conventions import (
    CAFFE_MEAN,
    IMAGENET_MEAN,
    IMAGENET_STD,
    NORMALIZATIONS,
    change_input,
    fit_to_preset,
)
from nst_engine.networks.features import NetworkSpec, build_body
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.enums import InputConvention, Model
from nst_engine.spec.errors import WeightsError
from nst_engine.spec.layers import NETWORKS
from tests.nst_engine.tiny import config, picture, seeded

CAFFE, TORCHVISION, MEAN255 = InputConvention.CAFFE, InputConvention.TORCHVISION, InputConvention.MEAN255
IMAGE = picture(24, 20)[None]
LAYERS = ("relu1_1", "pool1", "relu2_1")


def own_input(convention: InputConvention) -> Tensor:
    """Return the image as the system feeds it to its own weights."""
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    if convention is TORCHVISION:
        return (IMAGE - mean) / std
    if convention is MEAN255:
        return 255 * (IMAGE - mean)
    return (255 * IMAGE - torch.tensor(CAFFE_MEAN).view(1, 3, 1, 1)).flip(1)


def vgg(convention: InputConvention = TORCHVISION) -> StyleConfig:
    layers = dict.fromkeys(LAYERS, 1.0)
    return config(model="vgg16", content_layers=layers, style_layers=layers, input_convention=convention)


def network_with_biases(model: Model, layers: tuple[str, ...]) -> nn.Module:
    body = build_body(NetworkSpec(model=model, layers=layers)).to_empty(device="cpu")
    seeded(body)
    generator = torch.Generator().manual_seed(1)
    for name, value in body.state_dict().items():
        if name.endswith(("bias", "running_mean")):
            value.copy_(torch.rand(value.shape, generator=generator) - 0.5)
    return body


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """Return weights of VGG-16 whose biases matter."""
    return dict(network_with_biases(Model.VGG16, LAYERS).state_dict())


def saved(state: dict[str, Tensor], folder: Path, name: str = "vgg16.safetensors", **about: str) -> Path:
    weights.write(folder / name, state, about)
    return folder


def inner(f: Tensor) -> Tensor:
    """Return features that no padding has reached."""
    return f[..., 3:-3, 3:-3]


@pytest.mark.parametrize(
    ("trained", "preset", "gain"),
    [
        (TORCHVISION, TORCHVISION, 1),
        (CAFFE, CAFFE, 1),
        (CAFFE, TORCHVISION, 1 / 30),
        (CAFFE, MEAN255, 1),
        (TORCHVISION, CAFFE, 30),
        (MEAN255, TORCHVISION, 1 / 30),
    ],
)
def test_weights_get_the_input_they_were_trained_with_under_every_preset(
    state: dict[str, Tensor], tmp_path: Path, trained: InputConvention, preset: InputConvention, gain: float
) -> None:
    """The features have the size that the preset's loss weights count on."""
    plain = network_with_biases(Model.VGG16, LAYERS)(own_input(trained))
    found = load_network(vgg(preset), weights_dir=saved(state, tmp_path, convention=trained)).features(IMAGE)
    for layer, expected in plain.items():
        assert torch.allclose(inner(found[layer]), inner(expected) * gain, rtol=1e-3, atol=1e-3 * gain), layer


def test_torchvision_s_weights_get_pixels_up_to_255_where_the_reproduced_system_gives_them_so(
    state: dict[str, Tensor], tmp_path: Path
) -> None:
    plain = network_with_biases(Model.VGG16, LAYERS)(own_input(MEAN255))
    found = load_network(vgg(MEAN255), weights_dir=saved(state, tmp_path)).features(IMAGE)
    assert torch.allclose(inner(found["relu2_1"]), inner(plain["relu2_1"]), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("model", [Model.LITE, Model.SQUEEZENET, Model.RESNET50, Model.INCEPTION])
def test_every_network_passes_the_size_of_its_features_on(model: Model) -> None:
    info = NETWORKS[model]
    layers = tuple(layer for layer in info.layers if layer in info.roles.values())
    image = torch.nn.functional.interpolate(IMAGE, (info.min_side, info.min_side)) * 0.2
    one, other = network_with_biases(model, layers), network_with_biases(model, layers)
    # The same mean, so that zero padding stands for the same color.
    change_input(other, NORMALIZATIONS[TORCHVISION], NORMALIZATIONS[MEAN255])
    std = torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
    with torch.no_grad():
        expected, found = one(image / std), other(image * 255)
    for layer in layers:
        assert torch.allclose(found[layer], 30 * expected[layer], rtol=1e-3, atol=1e-3 * float(found[layer].std()))


def test_a_convolution_without_a_bias_gets_one_where_the_means_differ() -> None:
    body = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False))
    plain = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False))
    plain.load_state_dict(body.state_dict())
    fit_to_preset(body, CAFFE, TORCHVISION)
    expected = plain(own_input(CAFFE)) / 30
    assert torch.allclose(body(own_input(TORCHVISION)), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "about", "expected"),
    [
        ("vgg16.safetensors", {}, TORCHVISION),
        ("vgg16-caffe.safetensors", {}, CAFFE),
        ("vgg16.safetensors", {"convention": "caffe"}, CAFFE),
        ("vgg16-from-caffe.safetensors", {"convention": "torchvision"}, TORCHVISION),
    ],
)
def test_a_file_names_its_convention_in_its_header_or_its_name(
    tmp_path: Path, name: str, about: dict[str, str], expected: InputConvention
) -> None:
    path = tmp_path / name
    weights.write(path, {"features.0.bias": torch.zeros(1)}, about)
    assert weights.convention(path, "vgg16") is expected


def test_files_of_torch_have_their_convention_in_their_name(tmp_path: Path) -> None:
    for name, expected in (("vgg16.pth", TORCHVISION), ("vgg16_caffe.pth", CAFFE)):
        assert weights.convention(tmp_path / name, "vgg16") is expected


def test_an_unknown_convention_is_refused(state: dict[str, Tensor], tmp_path: Path) -> None:
    saved(state, tmp_path, convention="keras")
    with pytest.raises(WeightsError, match=r"has an unknown input convention \(keras\)"):
        load_network(vgg(), weights_dir=tmp_path)
