from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from nst_engine import load_network
from nst_engine.networks.conventions import CAFFE_MEAN, IMAGENET_MEAN, IMAGENET_STD
from nst_engine.networks.features import Network, NetworkSpec, build_body
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.enums import InputConvention, Model, Padding, Pooling, Precision
from nst_engine.spec.errors import WeightsError
from nst_engine.spec.layers import NETWORKS
from nst_engine.spec.presets import resolve
from tests.nst_engine.tiny import TinyBody, config, picture, seeded

IMAGE = picture(40, 48)[None]


def vgg(layers: str, **changes: object) -> StyleConfig:
    """Return parameters that ask for the first of `layers` as content and all as style."""
    return config(model="vgg19", content_layers=layers.split(",")[0], style_layers=layers, padding="zeros", **changes)


def plain(weights: Path, until: int) -> nn.Sequential:
    """Return VGG-19's first modules, built here and not in place, with the same weights."""
    state = load_file(weights / "vgg19.safetensors")
    modules: list[nn.Module] = []
    channels = 3
    for index, out in ((0, 64), (2, 64), (5, 128), (7, 128), (10, 256)):
        while len(modules) < index:
            modules.append(nn.ReLU() if isinstance(modules[-1], nn.Conv2d) else nn.MaxPool2d(2))
        modules.append(nn.Conv2d(channels, out, 3, padding=1))
        channels = out
    built = nn.Sequential(*modules[: until + 1])
    built.load_state_dict({name: state[f"features.{name}"] for name in built.state_dict()})
    return built.requires_grad_(False)


def test_the_features_are_those_of_the_plain_network(random_weights: Path) -> None:
    network = load_network(vgg("conv1_1,relu2_1,conv3_1"), weights_dir=random_weights)
    x = network.normalize(IMAGE)
    found = network.features(IMAGE)
    for layer, index in (("conv1_1", 0), ("relu2_1", 6), ("conv3_1", 10)):
        assert torch.allclose(found[layer], plain(random_weights, index)(x), atol=1e-5), layer


@pytest.mark.parametrize("conv", ["conv1_1", "conv1_2", "conv2_1"])
def test_a_convolution_asked_for_is_not_overwritten_by_the_relu_behind_it(random_weights: Path, conv: str) -> None:
    relu = conv.replace("conv", "relu")
    for layers in (f"{conv},conv3_1", f"{conv},{relu}"):
        found = load_network(vgg(layers), weights_dir=random_weights).features(IMAGE)
        assert float(found[conv].min()) < 0, layers
    assert torch.equal(found[relu], found[conv].relu())


def test_the_network_is_cut_after_the_last_layer_needed() -> None:
    body = build_body(NetworkSpec.of(vgg("conv1_1,conv2_1")))
    assert sorted({name.split(".")[1] for name in body.state_dict()}) == ["0", "2", "5"]


def test_layers_come_shallow_to_deep_whatever_their_order() -> None:
    assert NetworkSpec.of(vgg("conv3_1,conv1_1,relu2_1")).layers == ("conv1_1", "relu2_1", "conv3_1")


def test_runs_that_differ_in_weights_alone_share_a_network() -> None:
    one, other = (NetworkSpec.of(vgg(layers)) for layers in ("conv1_1:1,conv2_1:2", "conv1_1:3,conv2_1:1"))
    assert one == other
    assert hash(one) == hash(other)


@pytest.mark.parametrize("model", NETWORKS)
def test_every_layer_of_the_table_can_be_had(model: str) -> None:
    layers = tuple(NETWORKS[model].layers)
    body = build_body(NetworkSpec(model=Model(model), layers=layers))
    side = max(64, NETWORKS[model].min_side)
    found = body(torch.empty(1, 3, side, side, device="meta"))
    assert set(found) == set(layers)


@pytest.mark.parametrize("model", NETWORKS)
def test_a_network_takes_a_picture_of_its_smallest_side(model: str) -> None:
    info = NETWORKS[model]
    body = build_body(NetworkSpec(model=Model(model), layers=tuple(dict.fromkeys(info.roles.values()))))
    found = body(torch.empty(1, 3, info.min_side, info.min_side, device="meta"))
    assert all(0 not in f.shape for f in found.values())


@pytest.mark.parametrize("model", ["vgg16", "resnet50", "inception_v3"])
def test_every_architecture_loads_and_runs(random_weights: Path, model: str) -> None:
    from tests.nst_engine.conftest import REACHES

    values = config(model=model, content_layers=REACHES[model], style_layers=REACHES[model])
    network = load_network(values, weights_dir=random_weights)
    found = network.features(picture(80, 80)[None])[REACHES[model]]
    assert bool(found.isfinite().all())
    assert float(found.std()) > 0
    half = network.features(picture(80, 80)[None], Precision.BFLOAT16)[REACHES[model]]
    assert float((half - found).norm() / found.norm()) < 0.05, "batch normalization uses the statistics of training"


def test_inception_does_not_transform_its_input() -> None:
    from nst_engine.networks.features import _whole_network

    assert _whole_network("inception_v3").transform_input is False


# Input conventions


def normalized(convention: InputConvention) -> Tensor:
    image = torch.tensor([0.2, 0.5, 1.0]).view(1, 3, 1, 1)
    return Network(TinyBody(), convention=convention).normalize(image).flatten()


def test_torchvision_s_convention_subtracts_the_mean_and_divides_by_the_deviation() -> None:
    expected = [(v - m) / s for v, m, s in zip((0.2, 0.5, 1.0), IMAGENET_MEAN, IMAGENET_STD, strict=True)]
    assert normalized(InputConvention.TORCHVISION).tolist() == pytest.approx(expected)


def test_mean255_subtracts_the_mean_of_pixels_up_to_255() -> None:
    expected = [255 * (v - m) for v, m in zip((0.2, 0.5, 1.0), IMAGENET_MEAN, strict=True)]
    assert normalized(InputConvention.MEAN255).tolist() == pytest.approx(expected, rel=1e-5)


def test_caffe_s_convention_subtracts_its_own_mean_of_pixels_up_to_255() -> None:
    expected = [255 * v - m for v, m in zip((0.2, 0.5, 1.0), CAFFE_MEAN, strict=True)]
    assert normalized(InputConvention.CAFFE).tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("convention", InputConvention)
def test_denormalizing_undoes_normalizing(convention: InputConvention) -> None:
    network = Network(TinyBody(), convention=convention)
    assert torch.allclose(network.denormalize(network.normalize(IMAGE)), IMAGE, atol=1e-5)


def test_bfloat16_convolutions_give_float32_features() -> None:
    network = Network(seeded(TinyBody()))
    half, whole = (network.features(IMAGE, p) for p in (Precision.BFLOAT16, Precision.FLOAT32))
    for name, f in half.items():
        assert f.dtype is torch.float32
        assert not torch.equal(f, whole[name])
        assert torch.allclose(f, whole[name], rtol=0.1, atol=0.1)


# Pooling and padding


@pytest.mark.parametrize("pooling", Pooling)
def test_each_kind_of_pooling_is_what_it_says(random_weights: Path, pooling: Pooling) -> None:
    found = load_network(vgg("relu1_2,pool1", pooling=pooling), weights_dir=random_weights).features(IMAGE)
    fours = found["relu1_2"][0].unfold(1, 2, 2).unfold(2, 2, 2).flatten(3)  # (C, h, w, 4)
    expected = {
        Pooling.MAX: fours.amax(3),
        Pooling.AVERAGE: fours.mean(3),
        Pooling.L2: fours.square().mean(3).sqrt(),
    }[pooling]
    assert torch.allclose(found["pool1"][0], expected, atol=1e-3)


@pytest.mark.parametrize("model", ["squeezenet1_1", "resnet50", "lite"])
def test_another_pooling_keeps_every_size(model: str) -> None:
    layers = tuple(NETWORKS[model].layers)
    shapes = [
        {
            name: f.shape
            for name, f in build_body(NetworkSpec(model=Model(model), layers=layers, pooling=p))(
                torch.empty(1, 3, 67, 90, device="meta")
            ).items()
        }
        for p in (Pooling.MAX, Pooling.AVERAGE)
    ]
    assert shapes[0] == shapes[1]


def test_the_gradient_of_l2_pooling_is_finite_where_all_is_zero() -> None:
    from nst_engine.networks.features import _L2Pool

    x = torch.zeros(1, 2, 4, 4, requires_grad=True)
    _L2Pool(nn.AvgPool2d(2))(x).sum().backward()
    assert x.grad is not None
    assert bool(x.grad.isfinite().all())


def test_replicate_padding_repeats_the_border(random_weights: Path) -> None:
    flat = torch.full((1, 3, 32, 32), 0.7)
    values = vgg("conv1_1").model_copy(update={"padding": Padding.REPLICATE})
    repeated = load_network(values, weights_dir=random_weights).features(flat)["conv1_1"]
    zeros = load_network(vgg("conv1_1"), weights_dir=random_weights).features(flat)["conv1_1"]
    assert torch.allclose(repeated, repeated[..., 5:6, 5:6].expand_as(repeated), atol=1e-5)
    assert not torch.allclose(zeros, zeros[..., 5:6, 5:6].expand_as(zeros), atol=1e-2)


# Weights that cannot be used


def test_missing_weights_name_the_command_that_gets_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    with pytest.raises(WeightsError, match="nst weights pull vgg16") as caught:
        load_network(resolve("classic-lbfgs", {"model": "vgg16"}), weights_dir=tmp_path)
    assert (caught.value.model, caught.value.command) == ("vgg16", "nst weights pull vgg16")


def test_weights_of_another_network_are_named_and_not_used(random_weights: Path, tmp_path: Path) -> None:
    state = load_file(random_weights / "vgg19.safetensors")
    save_file({name: t[:1].clone() for name, t in state.items()}, tmp_path / "vgg19.safetensors")
    with pytest.raises(WeightsError, match=r"vgg19\.safetensors of vgg19 belongs to another network"):
        load_network(vgg("conv1_1"), weights_dir=tmp_path)


def test_a_file_of_another_network_under_its_name_is_named_and_not_used(tmp_path: Path) -> None:
    """The first convolutions of SqueezeNet and VGG have one shape; the next ones' names tell them apart."""
    state = seeded(
        build_body(NetworkSpec(model=Model.SQUEEZENET, layers=("fire5",))).to_empty(device="cpu")
    ).state_dict()
    save_file(dict(state), tmp_path / "vgg19.safetensors")
    with pytest.raises(
        WeightsError, match=r"vgg19\.safetensors of vgg19 belongs to another network: .* SHA-256 dcbb9e9d"
    ):
        load_network(vgg("conv1_1,conv2_1"), weights_dir=tmp_path)


@pytest.mark.shared
def test_weights_that_end_too_early_are_refused_with_the_layer(
    shared_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match=r"vgg19_to_conv3_1\.safetensors does not reach conv5_1"):
        load_network(resolve("classic-lbfgs"), weights_dir=shared_weights)


@pytest.mark.parametrize("model", NETWORKS)
def test_replicate_all_repeats_the_border_in_every_padded_convolution(model: str) -> None:
    info = NETWORKS[model]
    body = build_body(NetworkSpec(model=Model(model), layers=(list(info.layers)[-1],), padding=Padding.REPLICATE_ALL))
    padded = [m for m in body.modules() if isinstance(m, nn.Conv2d) and m.padding != (0, 0)]
    assert padded
    assert {m.padding_mode for m in padded} == {"replicate"}
