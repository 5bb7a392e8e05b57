from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from nst_engine.optim.history import CurvaturePairs

Pair = tuple[Tensor, Tensor]


def noise(seed: int) -> Tensor:
    return torch.randn(1, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def pairs(count: int) -> list[Pair]:
    """Return steps and changes of the gradient along which the curvature is positive, except along the third."""
    steps = [noise(i) for i in range(count)]
    changes = [2 * s + 0.5 * noise(100 + i) for i, s in enumerate(steps)]
    return [(s, -y if i == 2 else y) for i, (s, y) in enumerate(zip(steps, changes, strict=True))]


def dot(one: Tensor, other: Tensor) -> Tensor:
    return (one * other).sum()


def remembered(given: Sequence[Pair], size: int = 4) -> CurvaturePairs:
    history = CurvaturePairs.empty(size, given[0][0])
    for s, y in given:
        history.add(s, y, dot(y, y))
    return history


def two_loops(given: Sequence[Pair], gradient: Tensor) -> Tensor:
    """Return −H g, with 3 for the initial inverse Hessian."""
    q, alphas = -gradient, []
    good = [(s, y) for s, y in given if dot(s, y) > 0]
    for s, y in reversed(good):
        alphas.append(dot(s, q) / dot(s, y))
        q = q - alphas[-1] * y
    q = 3 * q
    for (s, y), alpha in zip(good, reversed(alphas), strict=True):
        q = q + (alpha - dot(y, q) / dot(s, y)) * s
    return q


@pytest.mark.parametrize("count", [1, 3, 4, 6, 11])
def test_the_direction_is_that_of_the_two_loop_recursion(count: int) -> None:
    given = pairs(count)
    found = remembered(given).direction(noise(50), lambda q: q.mul_(3))
    assert torch.allclose(found, two_loops(given[-4:], noise(50)), rtol=1e-10)


def test_the_gradient_is_left_as_it_is() -> None:
    gradient = noise(50)
    remembered(pairs(3)).direction(gradient, lambda q: q.mul_(3))
    assert torch.equal(gradient, noise(50))


def test_it_tells_the_curvature_along_a_step_and_whether_it_is_positive() -> None:
    history, (s, y) = CurvaturePairs.empty(2, noise(0)), pairs(1)[0]
    told = [history.add(s, sign * y, dot(y, y)) for sign in (1, -1)]
    assert [bool(good) for _, good in told] == [True, False]
    assert float(told[0][0]) == pytest.approx(float(dot(s, y)))


@pytest.mark.parametrize("count", [1, 3, 6])
def test_a_restored_history_gives_the_same_directions(count: int) -> None:
    given = pairs(count + 3)
    first = remembered(given[:count])
    second = CurvaturePairs.restored(4, {name: value.clone() for name, value in first.state().items()})
    assert second is not None
    for s, y in given[count:]:
        one, other = (history.direction(noise(50), lambda q: q) for history in (first, second))
        assert torch.equal(one, other)
        first.add(s, y, dot(y, y))
        second.add(s, y, dot(y, y))


def test_a_state_has_no_rows_that_do_not_count() -> None:
    """The third pair, along which the curvature is not positive, is the newest."""
    assert sum(name.startswith("pair") for name in remembered(pairs(3)).state()) == 2 * 2
