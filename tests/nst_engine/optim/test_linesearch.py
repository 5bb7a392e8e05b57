from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from nst_engine.losses.objective import Evaluation
from nst_engine.optim.linesearch import CURVATURE, MAX_EVALUATIONS, SUFFICIENT_DECREASE, strong_wolfe

ZERO = torch.zeros(())
ORIGIN, AHEAD = torch.zeros(1), torch.ones(1)


def valley(x: Tensor) -> Evaluation:
    """Return a smooth valley with its floor at 3 and a bump on the way up."""
    t = x.detach().double().requires_grad_()
    loss = ((t - 3) ** 2 / (1 + 0.1 * t**2) + 0.3 * torch.sin(3 * t)).sum()
    (gradient,) = torch.autograd.grad(loss, t)
    return Evaluation(loss.detach(), ZERO, ZERO, ZERO, gradient)


@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 20.0, 500.0])
def test_what_it_finds_fulfils_both_wolfe_conditions(first: float) -> None:
    start = valley(ORIGIN)
    length, found = strong_wolfe(valley, ORIGIN, start, AHEAD, first)
    slope = float(start.gradient.sum())
    assert float(found.loss) <= float(start.loss) + SUFFICIENT_DECREASE * length * slope
    assert abs(float(found.gradient.sum())) <= -CURVATURE * slope


def test_the_evaluation_it_returns_is_that_of_the_length_it_returns() -> None:
    length, found = strong_wolfe(valley, ORIGIN, valley(ORIGIN), AHEAD, 0.3)
    assert float(found.loss) == pytest.approx(float(valley(ORIGIN + length * AHEAD).loss))


def test_it_gives_up_after_a_fixed_number_of_evaluations() -> None:
    seen = []

    def slide(x: Tensor) -> Evaluation:
        """Fall forever, ever more steeply."""
        seen.append(1)
        return Evaluation(-torch.exp(x).sum(), ZERO, ZERO, ZERO, -torch.exp(x))

    strong_wolfe(slide, ORIGIN, slide(ORIGIN), AHEAD, 1e-9)
    assert len(seen) <= MAX_EVALUATIONS + 1


def test_it_comes_back_from_where_the_loss_is_no_number() -> None:
    def cliff(x: Tensor) -> Evaluation:
        loss = (x - 1).square().sum() if float(x) < 2 else torch.tensor(math.nan)
        return Evaluation(loss, ZERO, ZERO, ZERO, 2 * (x - 1))

    length, found = strong_wolfe(cliff, ORIGIN, cliff(ORIGIN), AHEAD, 64.0)
    assert 0 < length < 2
    assert float(found.loss) < 1


def test_a_search_that_finds_nothing_prefers_any_number_to_none() -> None:
    def wall(x: Tensor) -> Evaluation:
        """Rise at once, although the slope at the origin promised otherwise."""
        at = float(x)
        loss = torch.tensor(math.nan) if at > 0.5 else (x * 0 + (1.0 if at else 0.0)).sum()
        return Evaluation(loss, ZERO, ZERO, ZERO, torch.tensor([-1.0]))

    _, found = strong_wolfe(wall, ORIGIN, wall(ORIGIN), AHEAD, 1.0)
    assert math.isfinite(float(found.loss))
