"""Whether every kind of run stays on its device: the emulated one refuses to meet tensors of the CPU."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import torch

from nst_engine.losses.objective import Objective
from nst_engine.spec.presets import PRESETS, resolve
from tests.nst_engine.cuda.emulator import DeviceMismatchError, EmulatedCuda
from tests.nst_engine.cuda.runs import SHALLOW, SMALL, run

ADAM = {"optimizer": "adam", "learning_rate": 0.02}
SCALED = {"steps": 6, "scales": 2, "min_size": 32}
VGG = {"model": "vgg19", "max_size": 48}
TILED = {"memory": "low", "max_size": 72, "steps": 1}
WIDE = {"size": (40, 72)}  # two tiles

# All but WHOLE run on the first layers, because the deeper ones need nothing else of a device.
WHOLE = ("lbfgs", "bfloat16", "wasserstein with masks")
KINDS: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "lbfgs": ({"steps": 5, "lbfgs_history": 3}, {}),
    "lbfgs without a preconditioner": ({"lbfgs_coarse": 0}, {}),
    "lbfgs at half the rate": ({"learning_rate": 0.5}, {}),
    "lbfgs with line search": ({"line_search": "strong_wolfe"}, {}),
    "adam": (ADAM, {}),
    "lbfgs over scales": (SCALED, {}),
    "adam over scales that averages and clamps": ({**ADAM, **SCALED, "average_decay": 0.9, "clamp": "step"}, {}),
    "plateau": ({"plateau": 0.9, "steps": 22}, {}),
    "vgg19": (VGG, {}),
    "vgg16": ({**VGG, "model": "vgg16"}, {}),
    "squeezenet": ({"model": "squeezenet1_1"}, {}),
    "resnet50": ({"model": "resnet50"}, {}),
    "inception": ({"model": "inception_v3", "max_size": 96}, {"size": (80, 96)}),
    "average pooling": ({**VGG, "pooling": "average"}, {}),
    "l2 pooling": ({**VGG, "pooling": "l2"}, {}),
    "zero padding": ({**VGG, "padding": "zeros"}, {}),
    "wasserstein": ({"style_statistic": "wasserstein"}, {}),
    "wasserstein with masks": ({"style_statistic": "wasserstein"}, {"styles": 2, "masks": True}),
    "masks": ({}, {"styles": 2, "masks": True}),
    "blend": ({"style_blend": "3,1"}, {"styles": 2}),
    "losses mean": ({"content_loss": "mean", "style_loss": "mean", "gram_scale": "chw"}, {}),
    "losses sum": ({"content_loss": "half_sum", "style_loss": "sum", "gram_scale": "none", "style_weight": 1e-6}, {}),
    "loss mean_per_chw": ({"style_loss": "mean_per_chw"}, {}),
    "no style": ({"style_weight": 0}, {}),
    "no content": ({"content_weight": 0}, {}),
    "no total variation": ({"tv_weight": 0}, {}),
    "total variation l2": ({"tv_loss": "l2", "tv_weight": 1e-4}, {}),
    "total variation l1 and range": (
        {**VGG, "input_convention": "mean255", "tv_loss": "l1", "range_weight": 1.0},
        {},
    ),
    "caffe": ({**VGG, "input_convention": "caffe"}, {}),
    "luminance": ({"preserve_color": "luminance"}, {}),
    "linear colors": ({"preserve_color": "linear"}, {}),
    "gaussian start": ({"init": "gaussian", "init_std": 0.1}, {}),
    "uniform start": ({"init": "uniform"}, {}),
    "style as start": ({"init": "style"}, {}),
    "image as start": ({"init": "image"}, {}),
    "bfloat16": ({"precision": "bfloat16"}, {}),
    "bfloat16 with masks": ({"precision": "bfloat16"}, {"styles": 2, "masks": True}),
    "bfloat16 wasserstein": ({"precision": "bfloat16", "style_statistic": "wasserstein"}, {}),
    "tiles": (TILED, WIDE),
    "tiles with masks and wasserstein": (
        {**TILED, "style_statistic": "wasserstein"},
        {**WIDE, "styles": 2, "masks": True},
    ),
    "tiles in bfloat16": ({**TILED, "precision": "bfloat16"}, WIDE),
}


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nst_engine.memory.TILE_SIDES", (64,))


@pytest.fixture
def cuda() -> Iterator[EmulatedCuda]:
    with EmulatedCuda() as device:
        yield device


def agree(parameters: dict[str, Any], inputs: dict[str, Any]) -> None:
    """Check that a run on the emulated device makes what a run on the CPU makes.

    Both compute with the same kernels; only products of channels and memory formats differ. Rounding grows from step to
    step, so only the first losses are compared closely.
    """
    on_cpu = run(parameters, **inputs)
    with EmulatedCuda() as device:
        on_cuda = run(parameters, cuda=device, **inputs)
    close = 3e-2 if parameters.get("precision") == "bfloat16" else 1e-4
    assert on_cuda.losses[0] == pytest.approx(on_cpu.losses[0], rel=close)
    assert on_cuda.losses[:2] == pytest.approx(on_cpu.losses[:2], rel=0.1)
    assert bool(on_cuda.image.isfinite().all())
    assert len(on_cuda.losses) == len(on_cpu.losses)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_stays_on_its_device(kind: str) -> None:
    parameters, inputs = KINDS[kind]
    agree(parameters if kind in WHOLE else {**SHALLOW, **parameters}, inputs)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_stays_on_its_device(preset: str) -> None:
    values = resolve(preset, {"model": SMALL, "steps": 2, "max_size": 48, "min_size": 32, "precision": "float32"})
    agree(values.model_dump(mode="json"), {})


@pytest.mark.parametrize("kind", [{}, ADAM, SCALED], ids=["lbfgs", "adam", "scales"])
def test_a_run_resumes_on_its_device(kind: dict[str, Any], cuda: EmulatedCuda) -> None:
    parameters = {**SHALLOW, **kind, "steps": 6}
    whole = run(parameters, cuda=cuda)
    resumed = run(parameters, cuda=cuda, resume=_state_after(4, parameters, cuda))
    assert torch.equal(resumed.image, whole.image)
    assert len(resumed.losses) == 2


def _state_after(iteration: int, parameters: dict[str, Any], cuda: EmulatedCuda) -> bytes:
    return run(parameters, cuda=cuda, stop_after=iteration).state


def test_a_tensor_left_on_the_cpu_is_found(cuda: EmulatedCuda, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate = Objective.evaluate

    def planted(self: Objective, image: torch.Tensor) -> Any:
        return evaluate(self, image + torch.zeros(1, 3, 1, 1))

    monkeypatch.setattr(Objective, "evaluate", planted)
    with pytest.raises(DeviceMismatchError, match=r"cuda:0 and cpu; the latter is \(1, 3, 1, 1\)"):
        run({}, cuda=cuda)
