"""What a worker refuses before it starts: such an end has code 2, so that `nst up` does not start it again."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker.main import torch_plan
from worker.settings import WorkerSettings


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that holds the weights of no network; torch hub's cache is empty too."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"models": "lite, vgg91"}, "NST_MODELS: no network is called vgg91; there are lite, vgg19, "),
        ({"models": "vgg19, vgg16"}, "no weights for vgg16, vgg19: get them with `nst weights pull vgg16`"),
        ({"device": "cuda:99"}, "there is no device cuda:99 on this machine (NST_DEVICE)"),
        ({"weights_dir": "n" * 300}, "(NST_WEIGHTS_DIR) cannot be read: File name too long"),
    ],
)
def test_a_setting_that_cannot_be_used_ends_the_worker(
    empty: Path, capfd: pytest.CaptureFixture[str], given: dict[str, str], told: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        torch_plan(WorkerSettings(**{"weights_dir": str(empty), **given}))  # type: ignore[arg-type]
    assert ended.value.code == 2
    said = capfd.readouterr().err
    assert said.startswith("nst worker: ") and told in said and said.count("\n") == 1


def test_a_plan_names_what_is_served(empty: Path) -> None:
    plan = torch_plan(WorkerSettings(device="cpu", weights_dir=empty))
    assert (plan.models, [device.name for device in plan.devices]) == (("lite",), ["cpu"])


def test_an_unknown_level_of_the_log_is_refused() -> None:
    assert WorkerSettings(log_level="INFO").log_level == "info"  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="log_level"):
        WorkerSettings(log_level="loud")  # type: ignore[arg-type]
