from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import nst_engine
from nst_engine.networks.features import NetworkSpec, build_body
from nst_engine.networks.lite import BUNDLED, Lite
from nst_engine.spec.enums import Model
from nst_engine.spec.layers import NETWORKS

WEIGHTS = Path(nst_engine.__file__).parent / "weights"


def load(model: str) -> Lite:
    network = Lite(BUNDLED[model])
    state = load_file(WEIGHTS / f"{model}.safetensors")
    network.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module", params=BUNDLED)
def lite(request: pytest.FixtureRequest) -> Lite:
    """Each network in the package."""
    return load(request.param)


@pytest.mark.parametrize("model", BUNDLED)
def test_the_table_of_networks_names_layers_that_exist(model: str) -> None:
    assert tuple(NETWORKS[model].layers.values()) == tuple(load(model)(torch.rand(1, 3, 32, 32)))


@pytest.mark.parametrize("layer", NETWORKS["lite"].layers)
def test_every_layer_can_be_cut_out_by_its_name(layer: str) -> None:
    lite, image = load("lite"), torch.rand(1, 3, 40, 48)
    cut = build_body(NetworkSpec(model=Model.LITE, layers=(layer,)))
    cut.load_state_dict(
        {name: tensor for name, tensor in lite.state_dict().items() if name in cut.state_dict()}, assign=True
    )
    assert torch.equal(cut(image)[layer], lite(image)[layer])


def test_layers_have_the_names_and_the_cells_of_vgg16(lite: Lite) -> None:
    assert set(NETWORKS["lite"].layers) < set(NETWORKS["vgg16"].layers)
    for name, features in lite(torch.rand(1, 3, 128, 96)).items():
        if not name.startswith("pool"):
            halvings = int(name[4]) - 1
            assert features.shape[2:] == (128 >> halvings, 96 >> halvings)


def test_a_side_of_32_pixels_is_enough(lite: Lite) -> None:
    assert all(min(features.shape[2:]) >= 1 for features in lite(torch.rand(1, 3, 32, 32)).values())


def test_a_plain_picture_shows_no_frame_in_any_layer(lite: Lite) -> None:
    for features in lite(torch.full((1, 3, 64, 64), 0.3)).values():
        torch.testing.assert_close(features, features[..., :1, :1].expand_as(features), rtol=1e-3, atol=1e-4)


def test_gradients_reach_the_picture_from_every_layer(lite: Lite) -> None:
    image = torch.rand(1, 3, 64, 64, requires_grad=True)
    for features in lite(image).values():
        (gradient,) = torch.autograd.grad(features.square().sum(), image, retain_graph=True)
        assert gradient.isfinite().all()
        assert gradient.abs().sum() > 0


def test_the_shipped_files_are_small_and_half_precision() -> None:
    files = [WEIGHTS / f"{model}.safetensors" for model in BUNDLED]
    tensors = [tensor for file in files for tensor in load_file(file).values()]
    assert sum(file.stat().st_size for file in files) <= 6_000_000
    assert {tensor.dtype for tensor in tensors} == {torch.float16}
    assert all(tensor.isfinite().all() for tensor in tensors)


def test_no_relu_overwrites_its_input(lite: Lite) -> None:
    assert not any(module.inplace for module in lite.modules() if isinstance(module, torch.nn.ReLU))
