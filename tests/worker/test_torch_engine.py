"""The real engine behind the runner's seam, on tiny pictures with the shipped network."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from nst_engine.paintings import paint
from nst_engine.spec.errors import DivergedError, MemoryLimitError
from nst_engine.spec.presets import resolve
from worker import torch_engine
from worker.engine import BadCheckpointError, OutOfMemoryRunError, RunError, RunRequest
from worker.torch_engine import TorchEngine, installed_models

PARAMS = resolve("default", {"model": "lite", "steps": 4, "max_size": 32, "seed": 3}).model_dump(mode="json")


@pytest.fixture(scope="module")
def engine() -> TorchEngine:
    return TorchEngine("cpu", weights_dir=None, threads=1)


@pytest.fixture(scope="module")
def request_() -> RunRequest:
    return RunRequest(params=PARAMS, content=paint("waves", 32), styles=(paint("mosaic", 32),))


def test_a_run_yields_progress_and_pictures(engine: TorchEngine, request_: RunRequest) -> None:
    steps = [(step.progress, step.picture().size) for step in engine.run(request_)]
    assert [progress.iteration for progress, _ in steps] == list(range(1, len(steps) + 1))
    assert steps[-1][0].total >= len(steps)
    assert steps[-1][1] == (32, 32)


def test_a_run_goes_on_from_a_state_to_the_same_picture(engine: TorchEngine, request_: RunRequest) -> None:
    whole = [np.asarray(step.picture()) for step in engine.run(request_)]
    state = next(islice(engine.run(request_), 2, None)).state()
    rest = [np.asarray(step.picture()) for step in engine.run(replace(request_, resume=state))]
    assert len(rest) == len(whole) - 3
    assert np.array_equal(rest[-1], whole[-1])


def test_a_run_uses_its_share_of_the_cores_unless_threads_are_set(
    request_: RunRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_engine, "cores_per_worker", lambda workers: 6 // workers)
    used: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", used.append)
    for threads in (0, 5):
        engine = TorchEngine("cpu", weights_dir=None, threads=threads)
        next(iter(engine.run(replace(request_, workers=3))))
    assert used == [2, 5]


def test_a_tiff_has_sixteen_bits(engine: TorchEngine, request_: RunRequest) -> None:
    step = next(iter(engine.run(request_)))
    pixels = tifffile.imread(io.BytesIO(step.encoded("tiff", {})))
    assert (pixels.dtype, pixels.shape) == (np.uint16, (32, 32, 3))


def test_the_network_is_loaded_once(engine: TorchEngine, request_: RunRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    next(iter(engine.run(request_)))
    monkeypatch.setattr(torch_engine, "load_network", lambda *_, **__: pytest.fail("loaded again"))
    next(iter(engine.run(request_)))


def test_masks_are_handed_over(engine: TorchEngine, request_: RunRequest) -> None:
    half = Image.new("L", (32, 32))
    half.paste(255, (0, 0, 16, 32))
    assert next(iter(engine.run(replace(request_, masks=(half,))))).progress.iteration == 1


@pytest.mark.parametrize("damage", [b"", b"no state at all", b"\x08\0\0\0\0\0\0\0notjson!"])
def test_a_damaged_state_is_a_bad_checkpoint(engine: TorchEngine, request_: RunRequest, damage: bytes) -> None:
    with pytest.raises(BadCheckpointError):
        next(iter(engine.run(replace(request_, resume=damage))))


def test_the_state_of_another_run_is_a_bad_checkpoint(engine: TorchEngine, request_: RunRequest) -> None:
    state = next(iter(engine.run(request_))).state()
    other = replace(request_, params={**PARAMS, "seed": 4}, resume=state)
    with pytest.raises(BadCheckpointError):
        next(iter(engine.run(other)))


def test_parameters_that_this_release_does_not_know_are_refused(engine: TorchEngine, request_: RunRequest) -> None:
    with pytest.raises(RunError, match="mood") as caught:
        next(iter(engine.run(replace(request_, params={**PARAMS, "mood": "good"}))))
    assert caught.value.code == "invalid_input"


def test_weights_that_are_not_there_are_named_with_the_command(tmp_path: Path, request_: RunRequest) -> None:
    engine = TorchEngine("cpu", weights_dir=tmp_path)
    params = resolve("default", {"model": "vgg16", "max_size": 48}).model_dump(mode="json")
    with pytest.raises(RunError, match="nst weights pull vgg16") as caught:
        next(iter(engine.run(replace(request_, params=params))))
    assert caught.value.code == "weights_missing"


def raising(error: Exception) -> Any:
    def stylize(*_: Any, **__: Any) -> Any:
        raise error

    return stylize


@pytest.mark.parametrize(
    "error",
    [
        MemoryLimitError("It does not fit; 256 would.", would_fit=256),
        torch.cuda.OutOfMemoryError("CUDA out of memory."),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes."),
    ],
)
def test_every_way_to_run_out_of_memory_is_one(
    engine: TorchEngine, request_: RunRequest, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(torch_engine, "stylize", raising(error))
    with pytest.raises(OutOfMemoryRunError):
        next(iter(engine.run(request_)))


def test_a_loss_that_is_no_number_is_diverged(
    engine: TorchEngine, request_: RunRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_engine, "stylize", raising(DivergedError("The loss is not a number.")))
    with pytest.raises(RunError) as caught:
        next(iter(engine.run(request_)))
    assert caught.value.code == "diverged"


def test_the_memory_saving_mode_reaches_the_engine(
    engine: TorchEngine, request_: RunRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def stylize(content: Any, styles: Any, config: Any, **_: Any) -> Any:
        seen.append(config.memory)
        return iter(())

    monkeypatch.setattr(torch_engine, "stylize", stylize)
    list(engine.run(replace(request_, memory_saving=True)))
    assert seen == ["low"]


def test_only_networks_with_weights_are_served(tmp_path: Path) -> None:
    (tmp_path / "vgg19-dcbb9e9d.pth").touch()
    assert {"lite", "vgg19"} <= set(installed_models(tmp_path))
