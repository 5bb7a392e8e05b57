from __future__ import annotations

import weakref
from dataclasses import replace
from functools import partial
from itertools import islice, pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from nst_engine.run.inputs import Inputs
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.errors import CheckpointError
from nst_engine.state import LazyTensors, State
from tests.nst_engine.run.runs import KINDS, STYLE, last, run
from tests.nst_engine.tiny import config, photo


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_the_same_picture_bit_by_bit(kind: str) -> None:
    (one, first), (other, second) = (last(run(KINDS[kind])) for _ in range(2))
    assert torch.equal(first, second)
    assert one.loss == other.loss


def test_another_seed_gives_another_picture() -> None:
    values = config(init="gaussian")
    first, second = (last(run(values.model_copy(update={"seed": seed})))[1] for seed in (0, 1))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_resumed_after_any_step_equals_the_uninterrupted_run(kind: str) -> None:
    """Every iteration is tried, so the last of a scale and the first of the next are among them."""
    values = KINDS[kind]
    states = [(step.state().to_bytes(), step.loss) for step in run(values)]
    whole, expected = last(run(values))
    assert len(states) == 7
    for data, _ in states[:-1]:
        resumed, found = last(run(values, resume=State.from_bytes(data)))
        assert torch.equal(found, expected)
        assert (resumed.loss, resumed.iteration) == (whole.loss, whole.iteration)


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_can_be_resumed_more_than_once(kind: str) -> None:
    state = next(run(KINDS[kind])).state()
    (_, first), (_, second) = (last(run(KINDS[kind], resume=state)) for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("kind", ["adam", "lbfgs", "rmsprop on bands"])
def test_a_run_is_resumed_without_holding_the_state_beside_its_own_tensors(kind: str) -> None:
    *_, step = islice(run(KINDS[kind]), 3)
    state, most = step.state(), 0
    made: list[weakref.ref[Tensor]] = []

    def read(name: str) -> Tensor:
        nonlocal most
        tensor = state.tensors[name].clone()
        made.append(weakref.ref(tensor))
        most = max(most, sum(reference() is not None for reference in made))
        return tensor

    next(run(KINDS[kind], resume=replace(state, tensors=LazyTensors({n: partial(read, n) for n in state.tensors}))))
    assert most <= 3 < len(state.tensors)


def test_a_run_resumed_at_a_plateau_leaves_the_scale_as_the_uninterrupted_run_does() -> None:
    values = config(steps=200, scales=2, min_size=32, max_size=48, scale_factor=1.25, scale_shares=(1, 1), plateau=0.9)
    states = [(step.iteration, step.state().to_bytes()) for step in run(values)]
    edge = next(i for i, ((a, _), (b, _)) in enumerate(pairwise(states)) if b > a + 1)
    found = [step.iteration for step in run(values, resume=State.from_bytes(states[edge][1]))]
    assert found == [iteration for iteration, _ in states[edge + 1 :]]


def test_a_finished_run_has_nothing_left_to_resume() -> None:
    *_, step = run(config())
    assert list(run(config(), resume=step.state())) == []


@pytest.mark.parametrize(
    ("values", "inputs"),
    [
        (config(seed=1), {}),
        (config(style_weight=2.0), {}),
        (config(), {"content": photo(48, 44, 9)}),
        (config(), {"styles": [STYLE * 0.9]}),
        (config(), {"masks": [torch.ones(4, 4)]}),
        (config(), {"style_masks": [torch.ones(4, 4)]}),
    ],
)
def test_a_checkpoint_of_other_pictures_or_parameters_is_refused(values: StyleConfig, inputs: dict[str, Any]) -> None:
    state = next(run(config())).state()
    with pytest.raises(CheckpointError, match="other pictures or parameters"):
        run(values, resume=state, **inputs)


def test_inputs_are_hashed_only_for_a_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hash of a large photo takes longer than an iteration."""
    hashed: list[Inputs] = []
    fingerprint = Inputs.fingerprint
    monkeypatch.setattr(Inputs, "fingerprint", lambda self, values: hashed.append(self) or fingerprint(self, values))
    *_, final = run(config())
    assert hashed == []
    final.state()
    final.state()
    assert len(hashed) == 1
