"""Whether an evaluation can be recorded as a CUDA graph: it neither waits nor copies, and its shapes stay the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from nst_engine.losses.objective import Evaluation, Objective
from nst_engine.networks.features import Network, NetworkSpec, load_body
from nst_engine.run.graphed import Compute, GraphedEvaluation, Outputs
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.enums import Precision
from tests.nst_engine.cuda.emulator import CaptureError, EmulatedCuda
from tests.nst_engine.tiny import photo, same

RECORDABLE: dict[str, dict[str, Any]] = {
    "default": {},
    "gram": {"style_statistic": "gram"},
    "bfloat16": {"precision": "bfloat16"},
    "sums": {"content_loss": "half_sum", "style_loss": "sum", "gram_scale": "none"},
    "total variation l1": {"tv_loss": "l1", "range_weight": 1.0},
    "no style": {"style_weight": 0},
}


@pytest.fixture
def cuda() -> Iterator[EmulatedCuda]:
    with EmulatedCuda() as device:
        yield device


def objective(**parameters: Any) -> Objective:
    """Return an objective of `default` on the device."""
    config = StyleConfig.checked({"precision": "float32", **parameters})
    network = Network(load_body(NetworkSpec.of(config), None).to("cuda"), device="cuda")
    images = [photo(40, 48, seed)[None].to("cuda") for seed in (1, 2)]
    return Objective(network, config, content=images[0], styles=images[1:], precision=Precision(config.precision))


def image(seed: int) -> Tensor:
    return photo(40, 48, seed)[None].to("cuda")


def recorder(cuda: EmulatedCuda) -> Callable[[Compute], tuple[Outputs, Callable[[], None]]]:
    """Return what records on the emulated device: it computes again where a graph would replay."""

    def record(compute: Compute) -> tuple[Outputs, Callable[[], None]]:
        compute()  # what is made once is made here
        with cuda.capture():
            outputs = compute()

        def replay() -> None:
            for output, now in zip(outputs, compute(), strict=True):
                output.copy_(now)

        return outputs, replay

    return record


@pytest.mark.parametrize("kind", RECORDABLE)
def test_an_evaluation_can_be_recorded(kind: str, cuda: EmulatedCuda) -> None:
    asked = objective(**RECORDABLE[kind])
    graphed = GraphedEvaluation(asked.evaluate, recorder(cuda))
    for seed in (5, 6):
        assert same(graphed(image(seed)), asked.evaluate(image(seed)), tolerance=1e-6)


def test_every_evaluation_launches_the_same_kernels(cuda: EmulatedCuda) -> None:
    asked, counts = objective(), []
    asked.evaluate(image(4))  # makes what is made once
    for seed in (5, 6):
        cuda.clear()
        asked.evaluate(image(seed))
        counts.append(dict(cuda.kernels))
    assert counts[0] == counts[1]


def test_what_was_evaluated_is_kept_when_the_graph_runs_again(cuda: EmulatedCuda) -> None:
    graphed = GraphedEvaluation(objective().evaluate, recorder(cuda))
    first = graphed(image(5))
    gradient, loss = first.gradient.clone(), first.loss.clone()
    graphed(image(6))
    assert torch.equal(first.gradient, gradient) and torch.equal(first.loss, loss)


def test_an_evaluation_that_waits_goes_on_without_a_graph_and_says_so_once(cuda: EmulatedCuda) -> None:
    asked = objective()

    def evaluate(x: Tensor) -> Evaluation:
        now = asked.evaluate(x)
        now.loss.item()
        return now

    graphed = GraphedEvaluation(evaluate, recorder(cuda))
    with pytest.warns(RuntimeWarning, match="evaluating without a CUDA graph: .* waits for the device") as warned:
        found = [graphed(image(seed)) for seed in (5, 6)]
    assert len(warned) == 1
    assert same(found[1], asked.evaluate(image(6)), tolerance=1e-6)


def test_a_wait_cannot_be_recorded(cuda: EmulatedCuda) -> None:
    pixels = image(1)
    with cuda.capture(), pytest.raises(CaptureError, match="item waits"):
        pixels.sum().item()
