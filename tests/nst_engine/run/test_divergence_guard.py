from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from torch import Tensor

from nst_engine.networks.features import Network
from nst_engine.run.divergence_guard import MAX_RETRIES
from nst_engine.spec.errors import DivergedError
from tests.nst_engine.run.runs import CONTENT, run
from tests.nst_engine.tiny import TinyBody, config, seeded


class Failing(TinyBody):
    """Gives no numbers on some of its evaluations, the first being 1; targets are taken without gradient."""

    def __init__(self, fails: Mapping[int, str]) -> None:
        super().__init__()
        self.fails, self.calls = fails, 0

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        self.calls += x.requires_grad
        found = super().forward(x)
        match self.fails.get(self.calls) if x.requires_grad else None:
            case "loss":
                return {name: f * math.nan for name, f in found.items()}
            case "gradient":  # √0 has a value but no slope
                return {name: f + 0 * (x * 0).abs().sqrt().sum() for name, f in found.items()}
            case "size":
                return {name: f * 1e9 for name, f in found.items()}
        return found


GUARDED = {
    "adam": config(steps=6, average_decay=0.9),
    "lbfgs": config(steps=6, optimizer="lbfgs", learning_rate=1.0),
}


@pytest.mark.parametrize("kind", GUARDED)
@pytest.mark.parametrize("what", ["loss", "gradient", "size"])
def test_a_step_that_leaves_the_numbers_is_undone_and_tried_again(kind: str, what: str) -> None:
    body = Failing({4: what})
    steps = list(run(GUARDED[kind], on=Network(seeded(body))))
    assert [step.iteration for step in steps] == [1, 2, 3, 4, 5, 6]
    assert all(math.isfinite(step.loss) for step in steps)
    assert steps[-1].loss < steps[0].loss
    assert bool(steps[-1].image().isfinite().all())


@pytest.mark.parametrize("what", ["loss", "gradient", "size"])
def test_an_undone_step_is_followed_by_smaller_ones(what: str) -> None:
    *_, step = run(GUARDED["adam"], on=Network(seeded(Failing({4: what}))))
    assert float(step.state().tensors["optimizer.rate"]) == GUARDED["adam"].learning_rate / 2


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_the_average_does_not_keep_what_was_undone(what: str) -> None:
    for step in run(GUARDED["adam"], on=Network(seeded(Failing({4: what})))):
        assert bool(step.state().tensors["average"].isfinite().all())


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_run_that_keeps_failing_ends_with_a_clear_error(what: str) -> None:
    body = Failing(dict.fromkeys(range(3, 100), what))
    steps = run(GUARDED["adam"], on=Network(seeded(body)))
    with pytest.raises(DivergedError, match="smaller learning rate"):
        list(steps)
    assert body.calls <= 2 + MAX_RETRIES + 1


def test_pictures_with_no_numbers_in_them_end_with_a_clear_error() -> None:
    with pytest.raises(DivergedError):
        list(run(config(), content=CONTENT * math.nan))
