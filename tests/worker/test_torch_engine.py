"""The real engine as the worker uses it, on tiny pictures with the network that the package contains."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageOps

from jobs.cores import cores_per_worker
from nst_engine.memory import GIB
from nst_engine.paintings import paint
from nst_engine.spec.errors import DivergedError, MemoryLimitError
from nst_engine.spec.presets import resolve
from worker.engine import BadCheckpointError, BrokenDeviceError, OutOfMemoryRunError, RunError, RunRequest
from worker.pictures.painting import TorchStep
from worker.torch_engine import KEPT_BYTES, TorchEngine

PARAMS = resolve("default", {"model": "lite", "steps": 4, "max_size": 32, "seed": 3}).model_dump(mode="json")


@dataclass
class FakeStylize:
    """Records its calls and yields no steps, or raises an error."""

    error: Exception | None = None
    calls: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, content: Any, styles: Any, config: Any, **arguments: Any) -> Iterator[Any]:
        self.calls.append({"config": config, "threads": torch.get_num_threads(), **arguments})
        if self.error is not None:
            raise self.error
        return iter(())


@pytest.fixture(autouse=True)
def same_threads() -> Iterator[None]:
    """Give the other tests the threads that they had."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def engine() -> TorchEngine:
    return TorchEngine("cpu", weights_dir=None, threads=1)


@pytest.fixture(scope="module")
def request_() -> RunRequest:
    return RunRequest(params=PARAMS, content=paint("waves", 32), styles=(paint("mosaic", 32),))


def final_picture(engine: TorchEngine, request: RunRequest) -> np.ndarray[Any, Any]:
    *_, last = engine.run(request)
    return np.asarray(last.picture())


def test_a_run_yields_progress_and_pictures(engine: TorchEngine, request_: RunRequest) -> None:
    steps = [(step.progress, step.picture().size) for step in engine.run(request_)]
    assert [progress.iteration for progress, _ in steps] == list(range(1, len(steps) + 1))
    assert steps[-1][0].total >= len(steps)
    assert steps[-1][1] == (32, 32)


def test_a_resumed_run_ends_with_the_same_picture(engine: TorchEngine, request_: RunRequest) -> None:
    whole = [np.asarray(step.picture()) for step in engine.run(request_)]
    state = b"".join(next(islice(engine.run(request_), 2, None)).state())
    rest = [np.asarray(step.picture()) for step in engine.run(replace(request_, resume=io.BytesIO(state)))]
    assert len(rest) == len(whole) - 3
    assert np.array_equal(rest[-1], whole[-1])


def test_each_mask_says_where_its_style_applies(engine: TorchEngine, request_: RunRequest) -> None:
    left = Image.new("L", (32, 32))
    left.paste(255, (0, 0, 16, 32))
    right = ImageOps.invert(left)
    two_styles = replace(request_, styles=(paint("mosaic", 32), paint("woodcut", 32)))
    pictures = [final_picture(engine, replace(two_styles, masks=masks)) for masks in ((), (left, right), (right, left))]
    for number, picture in enumerate(pictures):
        assert not np.array_equal(picture, pictures[number - 1])


def test_each_style_mask_says_which_part_of_its_style_counts(engine: TorchEngine, request_: RunRequest) -> None:
    top = Image.new("L", (8, 8))
    top.paste(255, (0, 0, 8, 4))
    pictures = [final_picture(engine, replace(request_, style_masks=m)) for m in ((), (top,), (ImageOps.invert(top),))]
    for number, picture in enumerate(pictures):
        assert not np.array_equal(picture, pictures[number - 1])


def test_the_run_starts_from_the_init_image(engine: TorchEngine, request_: RunRequest) -> None:
    params = PARAMS | {"init": "image"}
    pictures = [
        final_picture(engine, replace(request_, params=params, init_image=paint(name, 32)))
        for name in ("woodcut", "discs")
    ]
    assert not np.array_equal(*pictures)


def test_a_run_uses_its_share_of_the_cores_unless_threads_are_set(request_: RunRequest) -> None:
    stylize = FakeStylize()
    for threads, workers in ((0, 1), (0, 1000), (3, 1)):
        engine = TorchEngine("cpu", weights_dir=None, threads=threads, stylize=stylize)
        list(engine.run(replace(request_, workers=workers)))
    assert [call["threads"] for call in stylize.calls] == [cores_per_worker(1), 1, 3]


def test_a_tiff_has_sixteen_bits(engine: TorchEngine, request_: RunRequest) -> None:
    step = next(iter(engine.run(request_)))
    pixels = tifffile.imread(io.BytesIO(step.encoded("tiff", {})))
    assert (pixels.dtype, pixels.shape) == (np.uint16, (32, 32, 3))


def test_a_network_is_loaded_once(request_: RunRequest) -> None:
    stylize = FakeStylize()
    engine = TorchEngine("cpu", weights_dir=None, threads=1, stylize=stylize)
    for _ in range(2):
        list(engine.run(request_))
    first, second = (call["network"] for call in stylize.calls)
    assert first is second


def test_an_engine_that_is_warmed_up_has_its_network_loaded(request_: RunRequest) -> None:
    stylize = FakeStylize()
    engine = TorchEngine("cpu", weights_dir=None, threads=1, stylize=stylize)
    engine.warm_up("lite")
    list(engine.run(request_))
    warming, first = (call["network"] for call in stylize.calls)
    assert warming is first


@pytest.mark.parametrize("damage", [b"", b"no state at all", b"\x08\0\0\0\0\0\0\0notjson!"])
def test_a_damaged_state_is_a_bad_checkpoint(engine: TorchEngine, request_: RunRequest, damage: bytes) -> None:
    with pytest.raises(BadCheckpointError):
        next(iter(engine.run(replace(request_, resume=io.BytesIO(damage)))))


def test_the_state_of_another_run_is_a_bad_checkpoint(engine: TorchEngine, request_: RunRequest) -> None:
    state = b"".join(next(iter(engine.run(request_))).state())
    other = replace(request_, params={**PARAMS, "seed": 4}, resume=io.BytesIO(state))
    with pytest.raises(BadCheckpointError):
        next(iter(engine.run(other)))


def test_unknown_parameters_are_refused(engine: TorchEngine, request_: RunRequest) -> None:
    with pytest.raises(RunError, match="mood") as caught:
        next(iter(engine.run(replace(request_, params={**PARAMS, "mood": "good"}))))
    assert caught.value.code == "invalid_input"


def test_the_error_for_missing_weights_names_the_command(tmp_path: Path, request_: RunRequest) -> None:
    engine = TorchEngine("cpu", weights_dir=tmp_path)
    params = resolve("default", {"model": "vgg16", "max_size": 48}).model_dump(mode="json")
    with pytest.raises(RunError, match="nst weights pull vgg16") as caught:
        next(iter(engine.run(replace(request_, params=params))))
    assert caught.value.code == "weights_missing"


@pytest.mark.parametrize(
    "error",
    [
        MemoryLimitError("It does not fit; 256 would.", would_fit=256),
        torch.cuda.OutOfMemoryError("CUDA out of memory."),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes."),
        torch.AcceleratorError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    ],
)
def test_every_way_to_run_out_of_memory_is_one_error(request_: RunRequest, error: Exception) -> None:
    engine = TorchEngine("cpu", weights_dir=None, threads=1, stylize=FakeStylize(error))
    with pytest.raises(OutOfMemoryRunError):
        list(engine.run(request_))


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be …"),
        torch.AcceleratorError("CUDA error: no kernel image is available for execution on the device"),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm(…)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    ],
)
def test_an_error_of_cuda_means_that_the_device_is_broken(request_: RunRequest, error: Exception) -> None:
    engine = TorchEngine("cpu", weights_dir=None, threads=1, stylize=FakeStylize(error))
    with pytest.raises(BrokenDeviceError, match=r"the device failed: \w+ error"):
        list(engine.run(request_))


def test_an_error_of_cuda_while_a_picture_is_copied_means_so_too() -> None:
    def fail() -> None:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    for begin_picture in (fail, lambda: fail):  # when the copy is started, and when it is waited for
        with pytest.raises(BrokenDeviceError):
            TorchStep(SimpleNamespace(begin_picture=begin_picture)).picture()  # type: ignore[arg-type]


def test_a_device_that_cannot_compute_a_product_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    TorchEngine("cpu", weights_dir=None).check_device()
    with pytest.raises(BrokenDeviceError, match="cuda:0 cannot compute"):
        TorchEngine("cuda:0", weights_dir=None).check_device()
    monkeypatch.setattr(torch, "ones", torch.zeros)
    with pytest.raises(BrokenDeviceError, match="wrong numbers: 0 in place of 262144"):
        TorchEngine("cpu", weights_dir=None).check_device()


def test_a_loss_that_is_no_number_is_diverged(request_: RunRequest) -> None:
    stylize = FakeStylize(DivergedError("The loss is not a number."))
    engine = TorchEngine("cpu", weights_dir=None, threads=1, stylize=stylize)
    with pytest.raises(RunError) as caught:
        list(engine.run(request_))
    assert caught.value.code == "diverged"


def test_a_bug_is_not_taken_for_a_lack_of_memory(request_: RunRequest) -> None:
    engine = TorchEngine("cpu", weights_dir=None, threads=1, stylize=FakeStylize(RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match="a bug"):
        list(engine.run(request_))


def test_an_attempt_that_saves_memory_says_so_to_the_engine(request_: RunRequest) -> None:
    stylize = FakeStylize()
    engine = TorchEngine("cpu", weights_dir=None, threads=1, stylize=stylize)
    for memory_saving in (False, True):
        list(engine.run(replace(request_, memory_saving=memory_saving)))
    assert [call["config"].memory for call in stylize.calls] == ["auto", "low"]


def test_a_worker_keeps_memory_for_its_next_run_unless_it_is_much(
    monkeypatch: pytest.MonkeyPatch, request_: RunRequest
) -> None:
    resident, given_back = GIB, []
    monkeypatch.setattr("worker.torch_engine._resident_bytes", lambda: resident)
    monkeypatch.setattr("worker.torch_engine.trim_heap", lambda: given_back.append(resident))
    engine = TorchEngine("cpu", weights_dir=None, threads=1, stylize=FakeStylize())
    for after_run in (GIB, GIB + KEPT_BYTES, GIB + KEPT_BYTES + 1):
        resident = after_run
        list(engine.run(request_))
    assert given_back == [GIB, GIB + KEPT_BYTES + 1]
