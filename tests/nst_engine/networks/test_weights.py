from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from nst_engine.networks import weights
from nst_engine.networks.lite import BUNDLED
from nst_engine.spec.errors import WeightsError

TENSORS = {"features.0.weight": torch.randn(4, 3, 3, 3), "features.0.bias": torch.zeros(4)}


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return torch hub's folder of files, empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """Return a file that this project wrote."""
    path = tmp_path / "vgg19-dcbb9e9d.safetensors"
    weights.write(path, TENSORS, {"model": "vgg19"})
    return path


def equal(state: dict[str, Tensor]) -> bool:
    return set(state) == set(TENSORS) and all(torch.equal(state[name], value) for name, value in TENSORS.items())


def test_what_is_written_is_read(ours: Path) -> None:
    assert equal(weights.read(ours, "vgg19"))
    assert weights.about(ours)["model"] == "vgg19"


def test_a_file_of_ours_carries_the_hash_of_its_tensors(ours: Path) -> None:
    assert weights.expected_hash(ours) == weights.actual_hash(ours)
    assert len(weights.actual_hash(ours)) == 64


def test_nothing_but_the_file_is_left_in_its_folder(ours: Path) -> None:
    assert [path.name for path in ours.parent.iterdir() if path.is_file()] == [ours.name]


def test_half_precision_is_read_as_float32(tmp_path: Path) -> None:
    path = tmp_path / "vgg19.safetensors"
    save_file({name: value.half() for name, value in TENSORS.items()}, path)
    assert {value.dtype for value in weights.read(path, "vgg19").values()} == {torch.float32}


@pytest.mark.parametrize("zipped", [True, False])
def test_files_of_torch_are_read_in_both_formats(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "vgg19.pth"
    torch.save(TENSORS, path, _use_new_zipfile_serialization=zipped)
    assert equal(weights.read(path, "vgg19"))


def flip(data: bytes) -> bytes:
    return data[:-5] + bytes([data[-5] ^ 1]) + data[-4:]


@pytest.mark.parametrize("damage", [flip, lambda d: d[:-40], lambda d: d + b"more"])
def test_a_damaged_file_is_named_with_the_hash_it_should_have(ours: Path, damage: Callable[[bytes], bytes]) -> None:
    expected = weights.expected_hash(ours)
    ours.write_bytes(damage(ours.read_bytes()))
    with pytest.raises(WeightsError) as caught:
        weights.read(ours, "vgg19")
    assert str(ours) in caught.value.message
    assert f"should be {expected}" in caught.value.message
    assert caught.value.command == "nst weights pull vgg19"


@pytest.mark.parametrize(
    "data", [b"", b"short", b"\xff" * 300, b"<html>404</html>" * 20, b"\x08" + bytes(7) + b"[1,2,3] "]
)
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_foreign_file_is_named_with_the_hash_that_is_expected(tmp_path: Path, data: bytes, suffix: str) -> None:
    path = tmp_path / f"vgg19{suffix}"
    path.write_bytes(data)
    with pytest.raises(WeightsError) as caught:
        weights.read(path, "vgg19")
    assert str(path) in caught.value.message
    assert "vgg19-dcbb9e9d.pth, SHA-256 dcbb9e9d…" in caught.value.message


@pytest.mark.parametrize(
    "header",
    [b'{"__metadata__": null}', b'{"__metadata__": []}', b'{"__metadata__": "x"}', b"[" * 200_000],
    ids=["null", "list", "text", "nested"],
)
@pytest.mark.parametrize("read", [weights.read, weights.names])
def test_a_header_that_is_no_object_of_objects_is_a_damaged_file(
    tmp_path: Path, header: bytes, read: Callable[[Path, str], object]
) -> None:
    path = tmp_path / "vgg19.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(WeightsError, match=r"cannot be read \(ValueError\)"):
        read(path, "vgg19")


def test_a_file_of_torch_whose_name_promises_another_hash_is_not_read(hub: Path) -> None:
    path = hub / "vgg19-dcbb9e9d.pth"
    torch.save(TENSORS, path)
    with pytest.raises(WeightsError, match=f"should be dcbb9e9d…, it is {weights.actual_hash(path)}"):
        weights.read(path, "vgg19")


class Code:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, ...]]:
        return Path.touch, (self.path,)  # type: ignore[return-value]


@pytest.mark.parametrize("by_torch", [True, False])
def test_code_in_a_pickle_is_refused_and_not_run(tmp_path: Path, by_torch: bool) -> None:
    path, trace = tmp_path / "vgg19.pth", tmp_path / "trace"
    if by_torch:
        torch.save({"features.0.weight": Code(trace)}, path)
    else:
        path.write_bytes(pickle.dumps(Code(trace), protocol=2))
    with pytest.raises(WeightsError, match="cannot be read"):
        weights.read(path, "vgg19")
    assert not trace.exists()


@pytest.mark.parametrize("state", [[1, 2], {"epoch": 3}, torch.zeros(3)])
def test_what_is_no_state_of_a_network_is_refused(tmp_path: Path, state: object) -> None:
    path = tmp_path / "vgg19.pth"
    torch.save(state, path)
    with pytest.raises(WeightsError, match="something other"):
        weights.read(path, "vgg19")


def test_the_folder_asked_for_comes_before_torch_hub_s(tmp_path: Path, hub: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    names = ("vgg19.safetensors", "vgg19-dcbb9e9d.safetensors", "vgg19_to_conv3_1.safetensors", "vgg19-dcbb9e9d.pth")
    for name in (*names, "vgg16.safetensors", "notes.txt"):
        (folder / name).touch()
    (hub / "vgg19-dcbb9e9d.pth").touch()
    found = list(weights.candidates("vgg19", folder))
    assert [path.name for path in found] == [*names, "vgg19-dcbb9e9d.pth"]
    assert [path.parent for path in found] == [folder] * 4 + [hub]


def test_without_a_folder_torch_hub_s_cache_is_looked_at(hub: Path) -> None:
    (hub / "vgg16-397923af.safetensors").touch()
    assert [path.name for path in weights.candidates("vgg16", None)] == ["vgg16-397923af.safetensors"]


@pytest.mark.parametrize("name", ["vgg16-edges-8f22d716.safetensors", "vgg16_edges.safetensors"])
def test_a_network_whose_name_begins_with_another_s_keeps_its_files(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    (tmp_path / "vgg16.safetensors").touch()
    assert list(weights.candidates("vgg16-edges", tmp_path)) == [tmp_path / name]
    assert list(weights.candidates("vgg16", tmp_path)) == [tmp_path / "vgg16.safetensors"]


@pytest.mark.parametrize("model", BUNDLED)
def test_bundled_networks_are_in_the_package_and_nowhere_else(tmp_path: Path, model: str) -> None:
    (tmp_path / f"{model}.safetensors").touch()
    (path,) = weights.candidates(model, tmp_path)
    assert path.parent != tmp_path
    assert weights.names(path, model)


UNREADABLE = "n" * 300  # a folder's name that no user may look at, root neither: it is too long


def test_a_cache_that_cannot_be_read_counts_as_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / UNREADABLE))
    (tmp_path / "vgg19.safetensors").touch()
    assert list(weights.candidates("vgg19", None)) == []
    assert list(weights.candidates("vgg19", tmp_path)) == [tmp_path / "vgg19.safetensors"]


def test_missing_weights_name_the_cache_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / UNREADABLE))
    message = weights.missing("vgg19").message
    assert "nst weights pull vgg19" in message
    assert f"{tmp_path / UNREADABLE}/hub/checkpoints cannot be read (File name too long): NST_WEIGHTS_DIR" in message


def test_the_folder_asked_for_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=f"{UNREADABLE} \\(NST_WEIGHTS_DIR\\) cannot be read: File name too long"):
        list(weights.candidates("vgg19", tmp_path / UNREADABLE))


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert list(weights.candidates("vgg19", tmp_path / "absent")) == []
