from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torchvision.models.feature_extraction import create_feature_extractor

import nst_engine
from nst_engine.networks.lite import LAYERS, Lite
from nst_engine.spec.layers import NETWORKS

WEIGHTS = Path(nst_engine.__file__).parent / "weights" / "lite.safetensors"


@pytest.fixture(scope="module")
def lite() -> Lite:
    network = Lite()
    network.load_state_dict({name: tensor.float() for name, tensor in load_file(WEIGHTS).items()})
    return network.eval().requires_grad_(False)


def test_the_table_of_networks_names_layers_that_exist() -> None:
    assert set(NETWORKS["lite"].layers.values()) <= set(LAYERS)


def test_every_layer_can_be_cut_out_by_its_name(lite: Lite) -> None:
    image = torch.rand(1, 3, 40, 48)
    whole = lite(image)
    assert tuple(whole) == LAYERS
    for name in LAYERS:
        cut = create_feature_extractor(lite, {name: name})
        assert torch.equal(cut(image)[name], whole[name])


def test_a_stage_has_the_cells_that_squeezenet_has(lite: Lite) -> None:
    found = lite(torch.rand(1, 3, 128, 96))
    assert found["relu1a"].shape == (1, 24, 128, 96)
    assert found["relu2s"].shape == (1, 64, 63, 47)
    assert found["fire3"].shape == (1, 128, 31, 23)
    assert found["fire5"].shape == (1, 256, 15, 11)
    assert found["fire7"].shape == (1, 384, 7, 5)


def test_a_side_of_32_pixels_is_enough(lite: Lite) -> None:
    assert all(min(features.shape[2:]) >= 1 for features in lite(torch.rand(1, 3, 32, 32)).values())


def test_a_plain_picture_shows_no_frame_before_the_blocks(lite: Lite) -> None:
    found = lite(torch.full((1, 3, 64, 64), 0.3))
    for name in ("relu1a", "relu2s"):
        torch.testing.assert_close(found[name], found[name][..., :1, :1].expand_as(found[name]), rtol=1e-3, atol=1e-4)


def test_gradients_reach_the_picture_from_every_layer(lite: Lite) -> None:
    image = torch.rand(1, 3, 64, 64, requires_grad=True)
    for features in lite(image).values():
        (gradient,) = torch.autograd.grad(features.square().sum(), image, retain_graph=True)
        assert gradient.isfinite().all()
        assert gradient.abs().sum() > 0


def test_the_shipped_file_is_small_and_half_precision() -> None:
    tensors = load_file(WEIGHTS)
    assert WEIGHTS.stat().st_size <= 2_500_000
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    assert all(tensor.isfinite().all() for tensor in tensors.values())


def test_no_relu_overwrites_its_input(lite: Lite) -> None:
    assert not any(module.inplace for module in lite.modules() if isinstance(module, torch.nn.ReLU))
