"""Small pictures of small networks are computed by one thread."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from nst_engine import load_network, resolve, stylize
from nst_engine.losses.objective import Evaluation, Objective
from nst_engine.machine.threads import threads_for
from nst_engine.spec.layers import NETWORKS


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("pixels", "model", "threads"), [(192 * 192, "lite", 1), (192 * 192 + 1, "lite", 2), (64 * 64, "vgg19", 2)]
)
def test_threads_depend_on_the_picture_and_the_network(pixels: int, model: str, threads: int) -> None:
    with threads_for(pixels, model):
        assert torch.get_num_threads() == threads
    assert torch.get_num_threads() == 2


def test_the_callers_threads_come_back_after_an_error() -> None:
    with pytest.raises(ValueError, match="any"), threads_for(1, "lite"):
        raise ValueError("any")
    assert torch.get_num_threads() == 2


def test_a_run_wakes_its_threads_at_the_sizes_that_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}
    evaluate = Objective.evaluate

    def watched(self: Objective, image: Tensor) -> Evaluation:
        seen[tuple(image.shape[-2:])] = torch.get_num_threads()
        return evaluate(self, image)

    monkeypatch.setattr(Objective, "evaluate", watched)
    config = resolve("default", {"max_size": 200, "scales": 2, "steps": 2, "scale_shares": "1"})
    for _ in stylize(torch.rand(3, 200, 200), [torch.rand(3, 64, 64)], config, network=load_network(config)):
        assert torch.get_num_threads() == 2
    assert seen == {(100, 100): 1, (200, 200): 2}


def test_only_networks_that_were_measured_compute_alone() -> None:
    assert {name for name, info in NETWORKS.items() if info.single_thread_pixels} == {"lite", "squeezenet1_1"}
