"""Whether evaluations and whole steps can be recorded as a CUDA graph: they neither wait nor copy from the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor

from nst_engine.losses.objective import Evaluation, Objective
from nst_engine.networks.features import Network, NetworkSpec, load_body
from nst_engine.optim.laplacian import Laplacian
from nst_engine.optim.optimizers import Adam, Lbfgs, PixelOptimizer
from nst_engine.optim.rmsprop import RmsProp
from nst_engine.run import graphed, loop
from nst_engine.run.graphed import WARM_UPS, GraphedEvaluation, GraphedOptimizer
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.enums import Precision
from tests.nst_engine.cuda.emulator import CaptureError, EmulatedCuda
from tests.nst_engine.cuda.graphs import EmulatedRecorder
from tests.nst_engine.cuda.runs import SHALLOW, SMALL, run
from tests.nst_engine.tiny import photo, same

RECORDABLE: dict[str, dict[str, Any]] = {
    "default": {},
    "gram": {"style_statistic": "gram", **SHALLOW},
    "bfloat16": {"precision": "bfloat16", **SHALLOW},
    "sums": {"content_loss": "half_sum", "style_loss": "sum", "gram_scale": "none", **SHALLOW},
    "total variation l1": {"tv_loss": "l1", "range_weight": 1.0, **SHALLOW},
    "no style": {"style_weight": 0, **SHALLOW},
}


@pytest.fixture
def cuda() -> Iterator[EmulatedCuda]:
    with EmulatedCuda() as device:
        yield device


def objective(**parameters: Any) -> Objective:
    """Return an objective of `default` on the device."""
    config = StyleConfig.checked({"model": SMALL, "precision": "float32", **parameters})
    network = Network(load_body(NetworkSpec.of(config), None).to("cuda"), device="cuda")
    images = [photo(40, 48, seed)[None].to("cuda") for seed in (1, 2)]
    return Objective(network, config, content=images[0], styles=images[1:], precision=Precision(config.precision))


def test_another_content_keeps_the_batch_of_the_styles(cuda: EmulatedCuda) -> None:
    asked = objective(style_statistic="wasserstein")
    other = asked.without_content().with_content(image(3))
    assert asked._targets.batch is not None and other._targets.batch is asked._targets.batch


def image(seed: int) -> Tensor:
    return photo(40, 48, seed)[None].to("cuda")


@pytest.mark.parametrize("kind", RECORDABLE)
def test_an_evaluation_can_be_recorded(kind: str, cuda: EmulatedCuda) -> None:
    asked = objective(**RECORDABLE[kind])
    evaluation = GraphedEvaluation(asked.evaluate, EmulatedRecorder(cuda))
    for seed in range(WARM_UPS + 2):
        assert same(evaluation(image(seed)), asked.evaluate(image(seed)), tolerance=1e-6)


OPTIMIZERS: dict[str, Callable[[], PixelOptimizer]] = {
    "lbfgs": lambda: Lbfgs(learning_rate=1.0, history=3, search=False, coarse=1.0),
    "adam": lambda: Adam(learning_rate=0.02, beta1=0.9, beta2=0.99),
    "rmsprop": lambda: RmsProp(learning_rate=0.02),
    "adam on bands": lambda: Laplacian(Adam(learning_rate=0.02, beta1=0.9, beta2=0.99), 2),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_whole_steps_can_be_recorded(name: str, cuda: EmulatedCuda) -> None:
    """The history of L-BFGS is full, and its rows are used again, while the graph runs."""
    recorder, one, other = EmulatedRecorder(cuda), image(5), image(5)
    stepper, optimizer = GraphedOptimizer(OPTIMIZERS[name](), recorder), OPTIMIZERS[name]()
    for _ in range(WARM_UPS + 5):
        losses = [float(steps.step(x, bowl).loss) for steps, x in ((stepper, one), (optimizer, other))]
        assert losses[0] == losses[1]
    assert recorder.recordings == 1
    assert torch.equal(one, other)


def test_steps_are_recorded_again_once_they_are_smaller(cuda: EmulatedCuda) -> None:
    recorder, x = EmulatedRecorder(cuda), image(5)
    stepper = GraphedOptimizer(OPTIMIZERS["adam"](), recorder)
    for _ in range(WARM_UPS + 1):
        stepper.step(x, bowl)
    stepper.slow_down()
    before = x.clone()
    for _ in range(WARM_UPS + 1):
        stepper.step(x, bowl)
    assert recorder.recordings == 2
    assert float((x - before).abs().max()) == pytest.approx((WARM_UPS + 1) * 0.01, rel=0.01)


def bowl(x: Tensor) -> Evaluation:
    zero = x.new_zeros(())
    return Evaluation((x.square() * (1 + x)).sum(), zero, zero, zero, 2 * x + 3 * x.square())


@pytest.mark.parametrize("parameters", [{}, {"optimizer": "adam", "learning_rate": 0.02}], ids=["lbfgs", "adam"])
def test_a_run_through_graphs_makes_the_same_picture(
    parameters: dict[str, Any], cuda: EmulatedCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = EmulatedRecorder(cuda)
    monkeypatch.setattr(loop, "CudaRecorder", lambda device: recorder)
    whole = {**parameters, "max_size": 48, "style_layers": "style1:1", "steps": WARM_UPS + 3}
    expected = run(whole, cuda=cuda, size=(40, 48))
    found = run(whole, cuda=cuda, size=(40, 48), cuda_graphs=True)
    assert recorder.recordings == 1
    assert found.losses == expected.losses
    assert torch.equal(found.image, expected.image)


def test_every_evaluation_launches_the_same_kernels(cuda: EmulatedCuda) -> None:
    asked, counts = objective(**SHALLOW), []
    asked.evaluate(image(4))  # makes what is made once
    for seed in (5, 6):
        cuda.clear()
        asked.evaluate(image(seed))
        counts.append(dict(cuda.kernels))
    assert counts[0] == counts[1]


def test_what_was_evaluated_is_kept_when_the_graph_runs_again(cuda: EmulatedCuda) -> None:
    evaluation = GraphedEvaluation(bowl, EmulatedRecorder(cuda))
    *_, first = [evaluation(image(seed)) for seed in range(WARM_UPS + 1)]
    gradient, loss = first.gradient.clone(), first.loss.clone()
    evaluation(image(6))
    assert torch.equal(first.gradient, gradient) and torch.equal(first.loss, loss)


def test_an_evaluation_that_waits_goes_on_without_a_graph_and_says_so_once(cuda: EmulatedCuda) -> None:
    def evaluate(x: Tensor) -> Evaluation:
        now = bowl(x)
        now.loss.item()
        return now

    evaluation = GraphedEvaluation(evaluate, EmulatedRecorder(cuda))
    with pytest.warns(RuntimeWarning, match="going on without a CUDA graph: .* waits for the device") as warned:
        found = [evaluation(image(seed)) for seed in range(WARM_UPS + 2)]
    assert len(warned) == 1
    assert same(found[-1], bowl(image(WARM_UPS + 1)), tolerance=1e-6)


def test_a_step_that_waits_goes_on_without_a_graph_from_where_it_was(cuda: EmulatedCuda) -> None:
    def evaluate(x: Tensor) -> Evaluation:
        now = bowl(x)
        x.square().sum().item()
        return now

    stepper, x, expected = GraphedOptimizer(OPTIMIZERS["lbfgs"](), EmulatedRecorder(cuda)), image(5), image(5)
    optimizer = OPTIMIZERS["lbfgs"]()
    for _ in range(WARM_UPS):
        stepper.step(x, evaluate)
    with pytest.warns(RuntimeWarning, match="going on without a CUDA graph"):
        stepper.step(x, evaluate)
    for _ in range(WARM_UPS + 1):
        optimizer.step(expected, bowl)
    assert torch.equal(x, expected)


def test_a_recorder_works_on_its_device_whatever_the_current_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    current, streams = ["cuda:0"], []

    @contextmanager
    def entered(device: object, **_: object) -> Iterator[None]:
        current.append(str(device))
        yield
        current.pop()

    @contextmanager
    def recording(_: object, stream: mock.Mock) -> Iterator[None]:
        streams.append(stream)
        yield

    fakes = dict.fromkeys(("stream", "current_stream", "CUDAGraph"), mock.DEFAULT)
    monkeypatch.setattr(graphed, "side_stream", mock.Mock(side_effect=lambda device: mock.Mock(device=str(device))))
    with mock.patch.multiple(torch.cuda, device=entered, graph=recording, **fakes):
        recorder = graphed.CudaRecorder(torch.device("cuda:1"))
        seen = [recorder.warm_up(lambda: current[-1]), recorder.record(lambda: current[-1])[0]]  # type: ignore[arg-type,return-value]
    assert seen == ["cuda:1", "cuda:1"] and [stream.device for stream in streams] == ["cuda:1"]


def test_a_wait_cannot_be_recorded(cuda: EmulatedCuda) -> None:
    pixels = image(1)
    with cuda.capture(), pytest.raises(CaptureError, match="item waits"):
        pixels.sum().item()
