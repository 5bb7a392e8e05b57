"""Small pictures of small networks are computed by one thread."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from nst_engine import load_network, resolve, stylize
from nst_engine.losses.objective import Evaluation, Objective
from nst_engine.machine.threads import threads_for


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


# Milliseconds of an iteration of `default` on one thread and on two, of 2 cores of an AMD EPYC.
MEASURED = [
    ("lite", 64, 8.0, 16.0),
    ("lite", 128, 12.6, 25.0),
    ("lite", 192, 19.0, 27.5),
    ("lite", 512, 103.0, 83.0),
    ("squeezenet1_1", 128, 10.4, 24.0),
    ("vgg19", 64, 43.0, 37.0),
    ("vgg19", 128, 80.0, 51.0),
]


@pytest.mark.parametrize(("model", "side", "one", "two"), MEASURED)
def test_an_image_is_computed_on_the_number_of_threads_that_was_faster(
    model: str, side: int, one: float, two: float
) -> None:
    with threads_for(side * side, model):
        assert torch.get_num_threads() == (1 if one < two else 2)
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("model", ["vgg16", "resnet50", "inception_v3"])
def test_a_network_that_was_not_measured_uses_all_threads(model: str) -> None:
    with threads_for(64 * 64, model):
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
