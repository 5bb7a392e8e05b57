from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from cli.main import main
from nst_engine.networks import pretrained, weights
from nst_engine.networks.pretrained import PUBLISHED_WEIGHTS, PublishedWeights
from tests.cli.mirror import Mirror, serving

MODEL = "squeezenet1_1"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[PublishedWeights, bytes]:
    """Return a file as torchvision publishes it: right tensor shapes, and a name with the start of its hash."""
    import torchvision  # brings torch's compiler: not while tests are collected

    path = tmp_path_factory.mktemp("published") / "whole.pth"
    torch.manual_seed(0)
    torch.save(torchvision.models.squeezenet1_1().state_dict(), path)
    digest = weights.actual_hash(path)[:8]
    return PublishedWeights(model=MODEL, file=f"{MODEL}-{digest}.pth", sha256=digest), path.read_bytes()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty NST_WEIGHTS_DIR; torch hub's cache is empty too."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("NST_WEIGHTS_DIR", str(tmp_path / "weights"))
    return tmp_path / "weights"


@pytest.fixture
def mirror(
    published: tuple[PublishedWeights, bytes], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Mirror]:
    """Serve the published file at NST_WEIGHTS_MIRROR, as the only release."""
    release, data = published
    monkeypatch.setitem(PUBLISHED_WEIGHTS, MODEL, release)
    monkeypatch.setitem(weights.HUB_FILES, MODEL, release.file)
    with serving(Mirror({release.file: data})) as running:
        monkeypatch.setenv("NST_WEIGHTS_MIRROR", running.address)
        yield running


Captured = pytest.CaptureFixture[str]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_pull_keeps_only_the_layers_that_presets_use(
    mirror: Mirror, folder: Path, published: tuple[PublishedWeights, bytes], capsys: Captured
) -> None:
    assert main(["weights", "pull", "-q", MODEL]) == 0
    release, data = published
    assert names(folder) == [release.trimmed_file]
    assert capsys.readouterr().out == f"{folder / release.trimmed_file}\n"
    assert (folder / release.trimmed_file).stat().st_size < len(data) / 3
    assert pretrained.verify(folder / release.trimmed_file, MODEL) == "fire7"


def test_pulling_again_downloads_nothing(mirror: Mirror, folder: Path, capsys: Captured) -> None:
    main(["weights", "pull", "-q", MODEL])
    first = capsys.readouterr().out
    assert main(["weights", "pull", "-q", MODEL]) == 0
    assert capsys.readouterr().out == first
    assert len(mirror.requests) == 1


def test_pulling_all_layers_downloads_the_file_again(
    mirror: Mirror, folder: Path, published: tuple[PublishedWeights, bytes]
) -> None:
    main(["weights", "pull", "-q", MODEL])
    assert main(["weights", "pull", "-q", "--all-layers", MODEL]) == 0
    assert len(mirror.requests) == 2
    assert pretrained.verify(folder / published[0].trimmed_file, MODEL) == "fire9"


def test_without_a_folder_the_file_goes_to_torch_hubs_cache(
    mirror: Mirror, published: tuple[PublishedWeights, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NST_WEIGHTS_DIR")
    assert main(["weights", "pull", "-q", MODEL]) == 0
    assert names(tmp_path / "torch" / "hub" / "checkpoints") == [published[0].trimmed_file]


def test_an_interrupted_pull_resumes(
    mirror: Mirror, folder: Path, published: tuple[PublishedWeights, bytes], capsys: Captured
) -> None:
    release, _ = published
    mirror.cuts = [100_000, *[0] * 9]
    assert main(["weights", "pull", "-q", MODEL]) == 1
    assert "run the same command again to resume" in capsys.readouterr().err
    assert names(folder) == [f".{release.file}.part"]
    mirror.cuts = []
    assert main(["weights", "pull", "-q", MODEL]) == 0
    assert mirror.requests[-1] == (f"/{release.file}", "bytes=100000-")
    assert names(folder) == [release.trimmed_file]


def test_a_partial_download_of_another_file_is_started_over(
    mirror: Mirror, folder: Path, published: tuple[PublishedWeights, bytes]
) -> None:
    release, _ = published
    folder.mkdir()
    (folder / f".{release.file}.part").write_bytes(b"something else" * 100)
    assert main(["weights", "pull", "-q", MODEL]) == 0
    assert names(folder) == [release.trimmed_file]


def test_a_file_with_the_wrong_hash_is_reported_and_deleted(
    mirror: Mirror, folder: Path, published: tuple[PublishedWeights, bytes], capsys: Captured
) -> None:
    release, data = published
    mirror.files[release.file] = data[:-1] + b"?"
    assert main(["weights", "pull", "-q", MODEL]) == 1
    error = capsys.readouterr().err
    assert f"but should begin with {release.sha256}; deleted it" in error
    assert error.count("\n") == 1
    assert names(folder) == []


def test_a_mirror_without_the_file_is_reported(mirror: Mirror, folder: Path, capsys: Captured) -> None:
    mirror.files.clear()
    assert main(["weights", "pull", "-q", MODEL]) == 1
    assert "404 Not Found" in capsys.readouterr().err
    assert names(folder) == []


@pytest.mark.parametrize(
    ("model", "message"),
    [("vgg18", "unknown network 'vgg18'; choose one of lite, lite-small, vgg19"), ("lite", "lite is part of nst")],
)
def test_a_network_without_a_download_is_refused(folder: Path, model: str, message: str, capsys: Captured) -> None:
    assert main(["weights", "pull", model]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("url", ["ftp.example", "http://[::1", "http://mirror:port"])
def test_a_mirror_that_is_not_a_url_is_invalid_input(
    folder: Path, url: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("NST_WEIGHTS_MIRROR", url)
    assert main(["weights", "pull", MODEL]) == 2
    assert "NST_WEIGHTS_MIRROR" in capsys.readouterr().err


# Verify


def test_valid_files_are_reported_with_their_hash(mirror: Mirror, folder: Path, capsys: Captured) -> None:
    main(["weights", "pull", "-q", MODEL])
    capsys.readouterr()
    assert main(["weights", "verify", MODEL]) == 0
    (path,) = folder.iterdir()
    assert capsys.readouterr().out == f"{MODEL}: {path}: valid up to fire7, sha256 {weights.actual_hash(path)}\n"


@pytest.mark.parametrize(
    "damage", [lambda d: d[:-8] + b"\x7f" * 8, lambda d: d[: len(d) // 2], lambda d: b"no weights"]
)
def test_a_damaged_file_is_named_and_fails_the_check(
    mirror: Mirror, folder: Path, damage: Callable[[bytes], bytes], capsys: Captured
) -> None:
    main(["weights", "pull", "-q", MODEL])
    (path,) = folder.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    capsys.readouterr()
    assert main(["weights", "verify"]) == 1
    shown = capsys.readouterr().out
    assert f"the weights file {path} of {MODEL}" in shown
    assert "SHA-256" in shown


def test_a_damaged_file_is_replaced_by_pulling(mirror: Mirror, folder: Path) -> None:
    main(["weights", "pull", "-q", MODEL])
    (path,) = folder.iterdir()
    path.write_bytes(b"no weights")
    assert main(["weights", "pull", "-q", MODEL]) == 0
    assert pretrained.verify(path, MODEL) == "fire7"


def test_a_named_network_without_a_file_fails_the_check(folder: Path, capsys: Captured) -> None:
    assert main(["weights", "verify", "vgg16"]) == 1
    assert capsys.readouterr().out == "vgg16: not found; download it with: nst weights pull vgg16\n"


# List


def test_the_list_shows_each_file_or_how_to_download_it(mirror: Mirror, folder: Path, capsys: Captured) -> None:
    main(["weights", "pull", "-q", MODEL])
    capsys.readouterr()
    assert main(["weights", "list", "--json"]) == 0
    rows = {row["model"]: row for row in json.loads(capsys.readouterr().out)}
    (path,) = folder.iterdir()
    assert rows[MODEL] == {"model": MODEL, "file": str(path), "reaches": "fire7", "problem": None}
    assert rows["vgg19"]["file"] is None
    assert rows["lite"]["file"].endswith("lite.safetensors")
    main(["weights", "list"])
    assert "nst weights pull vgg19" in capsys.readouterr().out
