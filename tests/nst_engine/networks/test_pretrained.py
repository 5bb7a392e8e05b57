from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nst_engine import load_network
from nst_engine.networks import weights
from nst_engine.networks.features import NetworkSpec, build_body, parameters
from nst_engine.networks.lite import BUNDLED
from nst_engine.networks.pretrained import (
    PUBLISHED_WEIGHTS,
    PublishedWeights,
    covers,
    deepest_layer_in,
    deepest_needed_layer,
    trim,
    verify,
)
from nst_engine.spec.enums import Model
from nst_engine.spec.errors import WeightsError
from nst_engine.spec.layers import NETWORKS
from nst_engine.spec.presets import PRESETS, resolve
from tests.nst_engine.tiny import seeded


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PublishedWeights]:
    """Return a file as torchvision publishes it, classifier and all, whose name begins its hash."""
    import torchvision  # brings torch's compiler: not while tests are collected

    folder = tmp_path_factory.mktemp("published")
    whole = folder / "unnamed.pth"
    model = seeded(torchvision.models.squeezenet1_1())
    torch.save(dict(model.state_dict()), whole, _use_new_zipfile_serialization=False)
    digest = weights.actual_hash(whole)[:8]
    path = whole.rename(folder / f"squeezenet1_1-{digest}.pth")
    return path, PublishedWeights(model="squeezenet1_1", file=path.name, sha256=digest)


def kept(published: tuple[Path, PublishedWeights], folder: Path, *, all_layers: bool = False) -> Path:
    path, release = published
    target = folder / release.trimmed_file
    trim(path, target, release, all_layers=all_layers)
    return target


def test_there_is_a_release_of_every_network_but_ours() -> None:
    assert {*PUBLISHED_WEIGHTS, *BUNDLED} == set(NETWORKS)


@pytest.mark.parametrize("model", weights.HUB_FILES)
def test_the_names_are_those_that_torchvision_downloads(model: str) -> None:
    import torchvision

    enum = torchvision.models.get_model_weights(model)
    assert PUBLISHED_WEIGHTS[model].url() == enum["IMAGENET1K_V1"].url


def test_a_mirror_has_the_same_names() -> None:
    assert PUBLISHED_WEIGHTS["vgg19"].url("http://mirror.example/w/") == "http://mirror.example/w/vgg19-dcbb9e9d.pth"


@pytest.mark.parametrize(
    ("model", "layer", "megabytes"),
    [
        ("vgg19", "relu5_3", 70.6),
        ("vgg16", "relu5_3", 58.9),
        ("squeezenet1_1", "fire7", 1.3),
        ("resnet50", "layer4", 94.0),
        ("inception_v3", "Mixed_6c", 20.6),
    ],
)
def test_only_the_layers_that_a_preset_needs_are_kept(model: str, layer: str, megabytes: float) -> None:
    assert deepest_needed_layer(model) == layer
    body = build_body(NetworkSpec(model=Model(model), layers=(layer,)))
    assert sum(value.numel() for value in body.parameters()) * 4 / 1e6 == pytest.approx(megabytes, abs=0.3)


def test_what_is_kept_has_torchvision_s_names_and_values(
    published: tuple[Path, PublishedWeights], tmp_path: Path
) -> None:
    state, whole = weights.read(kept(published, tmp_path), "squeezenet1_1"), weights.read(published[0], "squeezenet1_1")
    assert "features.10.expand3x3.weight" in state
    assert not any(name.startswith(("classifier", "features.11")) for name in state)
    assert all(torch.equal(value, whole[name]) for name, value in state.items())


def test_every_preset_runs_on_what_is_kept(published: tuple[Path, PublishedWeights], tmp_path: Path) -> None:
    kept(published, tmp_path)
    for name in PRESETS:
        assert load_network(resolve(name, {"model": "squeezenet1_1"}), weights_dir=tmp_path)


def test_every_layer_is_kept_on_demand(published: tuple[Path, PublishedWeights], tmp_path: Path) -> None:
    path = kept(published, tmp_path, all_layers=True)
    assert verify(path, "squeezenet1_1") == "fire9"


def test_a_file_says_where_it_is_from_and_how_far_it_goes(
    published: tuple[Path, PublishedWeights], tmp_path: Path
) -> None:
    about = weights.about(kept(published, tmp_path))
    assert (about["model"], about["source"], about["until"]) == ("squeezenet1_1", published[1].file, "fire7")


def test_a_file_of_another_hash_is_not_kept(published: tuple[Path, PublishedWeights], tmp_path: Path) -> None:
    data = bytearray(published[0].read_bytes())
    data[-1] ^= 1
    other = tmp_path / published[0].name
    other.write_bytes(data)
    with pytest.raises(WeightsError, match=f"should be {published[1].sha256}"):
        trim(other, tmp_path / "kept.safetensors", published[1])
    assert not (tmp_path / "kept.safetensors").exists()


def test_a_file_of_another_network_is_not_kept(published: tuple[Path, PublishedWeights], tmp_path: Path) -> None:
    wrong = PublishedWeights(model="vgg16", file=published[1].file, sha256=published[1].sha256)
    with pytest.raises(WeightsError, match=r"has no features\.2\.weight"):
        trim(published[0], tmp_path / "kept.safetensors", wrong)
    assert not (tmp_path / "kept.safetensors").exists()


@pytest.mark.parametrize("model", PUBLISHED_WEIGHTS)
def test_a_network_cut_at_a_layer_suffices_up_to_it(model: str) -> None:
    layer = deepest_needed_layer(model)
    names = build_body(NetworkSpec(model=Model(model), layers=(layer,))).state_dict()
    assert covers(model, names, layer)
    assert covers(model, names, NETWORKS[model].roles["content"])
    assert deepest_layer_in(model, parameters(model)) == list(NETWORKS[model].layers)[-1]


def test_a_file_that_lacks_the_first_layer_reaches_nothing() -> None:
    assert deepest_layer_in("vgg19", ["features.2.weight", "features.2.bias"]) is None


def test_verifying_a_file_of_another_network_names_what_differs(published: tuple[Path, PublishedWeights]) -> None:
    with pytest.raises(WeightsError, match="belongs to another network"):
        verify(published[0], "vgg19")


@pytest.mark.shared
@pytest.mark.parametrize(
    ("model", "name", "layer"),
    [
        ("vgg19", "vgg19_to_conv3_1", "relu3_1"),
        ("squeezenet1_1", "squeezenet1_1_features", "fire9"),
        ("vgg16-edges", "vgg16_edges", "pool5"),
    ],
)
def test_the_files_of_the_sample_data_reach_their_layers(
    model: str, name: str, layer: str, shared_weights: Path
) -> None:
    assert verify(shared_weights / f"{name}.safetensors", model) == layer


@pytest.mark.parametrize("model", BUNDLED)
def test_the_weights_in_the_package_are_whole(model: str) -> None:
    (path,) = weights.candidates(model, None)
    assert verify(path, model) == list(NETWORKS[model].layers)[-1]
