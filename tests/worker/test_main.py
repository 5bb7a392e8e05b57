"""What a worker checks before it starts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from worker.engine import WorkerSetupError
from worker.main import load_torch_engines
from worker.settings import WorkerSettings


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that holds the weights of no network; torch hub's cache is empty too."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"models": "lite, vgg91"}, "NST_MODELS: no network is called vgg91; there are lite, lite-small, vgg19, "),
        ({"models": "vgg19, vgg16"}, "no weights for vgg16, vgg19: get them with `nst weights pull vgg16`"),
        ({"weights_dir": "n" * 300}, r"\(NST_WEIGHTS_DIR\) cannot be read: File name too long"),
    ],
)
def test_networks_that_cannot_be_served_are_refused(empty: Path, given: dict[str, str], message: str) -> None:
    with pytest.raises(WorkerSetupError, match=message):
        load_torch_engines(WorkerSettings(**{"weights_dir": str(empty), **given}))  # type: ignore[arg-type]


def test_a_worker_serves_the_networks_whose_weights_it_has(empty: Path) -> None:
    (empty / "vgg19-dcbb9e9d.pth").touch()
    assert load_torch_engines(WorkerSettings(weights_dir=empty)).models == ("lite", "lite-small", "vgg19")


def test_a_worker_whose_first_run_fails_starts_all_the_same(empty: Path) -> None:
    (empty / "vgg19-dcbb9e9d.pth").write_bytes(b"no weights")
    engines = load_torch_engines(WorkerSettings(weights_dir=empty, models="vgg19"))  # type: ignore[arg-type]
    assert engines.make("cpu").memory_bytes() is None


def test_listing_devices_leaves_cuda_alone_in_this_process(empty: Path) -> None:
    devices = load_torch_engines(WorkerSettings(weights_dir=empty)).devices
    assert devices[-1].name == "cpu"
    assert not torch.cuda.is_initialized()


def test_an_unknown_level_of_the_log_is_refused() -> None:
    assert WorkerSettings(log_level="INFO").log_level == "info"  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="log_level"):
        WorkerSettings(log_level="loud")  # type: ignore[arg-type]
