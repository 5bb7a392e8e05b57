from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nst_engine import pyramid
from nst_engine.losses.objective import Evaluation
from nst_engine.optim import optimizers
from nst_engine.optim.factory import make_optimizer
from nst_engine.optim.laplacian import Laplacian
from nst_engine.optim.optimizers import Adam, Lbfgs, PixelOptimizer
from nst_engine.optim.rmsprop import RmsProp
from tests.nst_engine.tiny import config

ZERO = torch.zeros(())
CURVATURES = torch.logspace(-1, 1, 27).view(1, 3, 3, 3)


def bowl(x: Tensor) -> Evaluation:
    """Return ½ Σ c·x², whose minimum is 0."""
    loss = 0.5 * (CURVATURES * x.square()).sum()
    return Evaluation(loss, ZERO, ZERO, ZERO, CURVATURES * x)


def start() -> Tensor:
    return torch.randn(1, 3, 3, 3, generator=torch.Generator().manual_seed(0))


def lbfgs(*, search: bool = False, history: int = 10, coarse: float = 0.0) -> Lbfgs:
    return Lbfgs(learning_rate=1.0, history=history, search=search, coarse=coarse)


def adam() -> Adam:
    return Adam(learning_rate=0.02, beta1=0.9, beta2=0.99)


def rmsprop() -> RmsProp:
    return RmsProp(learning_rate=0.02)


MAKERS = {
    "adam": adam,
    "lbfgs": lbfgs,
    "lbfgs with search": lambda: lbfgs(search=True),
    "rmsprop": rmsprop,
    "adam on bands": lambda: Laplacian(adam(), 1),
}


def after(optimizer: PixelOptimizer, x: Tensor, steps: int) -> Tensor:
    for _ in range(steps):
        optimizer.step(x, bowl)
    return x


def test_adam_counts_in_numbers_that_the_device_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """MPS has no float64, in which a checkpoint of another device counts."""
    state, resumed = _state_of(adam()), adam()
    monkeypatch.setattr(optimizers, "_count_dtype", lambda device: torch.float32)
    resumed.restore(state)
    after(resumed, start(), 1)
    assert resumed.state()["steps"].dtype is torch.float32 and float(resumed.state()["steps"]) == 3


def _state_of(optimizer: PixelOptimizer) -> dict[str, Tensor]:
    after(optimizer, start(), 2)
    return optimizer.state()


def test_adam_takes_the_steps_of_torch() -> None:
    ours, theirs = start(), start().requires_grad_()
    reference = torch.optim.Adam([theirs], lr=0.02, betas=(0.9, 0.99))
    after(adam(), ours, 12)
    for _ in range(12):
        reference.zero_grad()
        (0.5 * (CURVATURES * theirs.square()).sum()).backward()
        reference.step()
    assert torch.allclose(ours, theirs.detach(), atol=1e-6)


def test_rmsprop_takes_the_steps_of_torch() -> None:
    ours, theirs = start(), start().requires_grad_()
    reference = torch.optim.RMSprop([theirs], lr=0.02)
    after(rmsprop(), ours, 12)
    for _ in range(12):
        reference.zero_grad()
        (0.5 * (CURVATURES * theirs.square()).sum()).backward()
        reference.step()
    assert torch.allclose(ours, theirs.detach(), atol=1e-6)


def test_an_optimizer_of_bands_takes_the_steps_of_torch_on_them() -> None:
    ours = start()
    theirs = [band.clone().requires_grad_() for band in pyramid.split(start(), 1)]
    reference = torch.optim.Adam(theirs, lr=0.02, betas=(0.9, 0.99))
    after(Laplacian(adam(), 1), ours, 12)
    for _ in range(12):
        reference.zero_grad()
        (0.5 * (CURVATURES * pyramid.join(theirs).square()).sum()).backward()
        reference.step()
    assert torch.allclose(ours, pyramid.join(theirs).detach(), atol=1e-5)


def test_lbfgs_takes_the_steps_of_torch() -> None:
    ours, theirs = start(), start().requires_grad_()
    reference = torch.optim.LBFGS([theirs], lr=1.0, max_iter=12, history_size=10, tolerance_grad=0, tolerance_change=0)

    def closure() -> Tensor:
        reference.zero_grad()
        loss = 0.5 * (CURVATURES * theirs.square()).sum()
        loss.backward()
        return loss

    reference.step(closure)
    after(lbfgs(), ours, 12)
    assert torch.allclose(ours, theirs.detach(), atol=1e-4)


@pytest.mark.parametrize("coarse", [0.0, 1.0])
def test_the_first_move_of_lbfgs_has_the_size_asked_for(coarse: float) -> None:
    optimizer, x = Lbfgs(learning_rate=1.0, history=3, search=False, coarse=coarse, first_move=0.002), start()
    gap = after(optimizer, x, 1) - start()
    assert gap.square().mean().sqrt() == pytest.approx(0.002, rel=1e-3)
    assert (gap * CURVATURES * start()).sum() < 0


def test_lbfgs_stays_where_the_gradient_is_zero() -> None:
    optimizer = Lbfgs(learning_rate=1.0, history=3, search=False, first_move=0.002)
    assert torch.equal(after(optimizer, torch.zeros(1, 3, 3, 3), 2), torch.zeros(1, 3, 3, 3))


@pytest.mark.parametrize("name", ["lbfgs", "lbfgs with search"])
def test_lbfgs_reaches_the_minimum_of_a_bowl(name: str) -> None:
    assert float(bowl(after(MAKERS[name](), start(), 60)).loss) < 1e-6 * float(bowl(start()).loss)


def test_lbfgs_that_begins_with_coarse_structure_is_ahead_where_fine_detail_bends_more() -> None:
    """½ |x|² + 50 |x − its neighbors|²: curvature grows with the square of the frequency."""

    def rough(x: Tensor) -> Evaluation:
        y = x.detach().requires_grad_()
        across, down = y.diff(dim=-1), y.diff(dim=-2)
        loss = 0.5 * (y.square().sum() + 50 * (across.square().sum() + down.square().sum()))
        return Evaluation(loss.detach(), ZERO, ZERO, ZERO, torch.autograd.grad(loss, y)[0])

    left = []
    for coarse in (0.0, 2.0):
        optimizer, x = lbfgs(coarse=coarse), torch.randn(1, 3, 48, 48, generator=torch.Generator().manual_seed(0)) + 1
        for _ in range(25):
            optimizer.step(x, rough)
        left.append(float(rough(x).loss))
    assert left[1] < 0.3 * left[0]


@pytest.mark.parametrize("name", MAKERS)
def test_a_step_returns_the_losses_of_where_it_came_from(name: str) -> None:
    x = start()
    assert torch.equal(MAKERS[name]().step(x, bowl).loss, bowl(start()).loss)
    assert not torch.equal(x, start())


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("steps", [0, 1, 4, 13])
def test_a_restored_optimizer_takes_the_same_steps(name: str, steps: int) -> None:
    first, x = MAKERS[name](), start()
    after(first, x, steps)
    second = MAKERS[name]()
    second.restore({key: value.clone() for key, value in first.state().items()})
    assert torch.equal(after(second, x.clone(), 7), after(first, x, 7))


@pytest.mark.parametrize("name", MAKERS)
def test_slowing_down_halves_the_next_step(name: str) -> None:
    fast, slow = MAKERS[name](), MAKERS[name]()
    slow.slow_down()
    whole, half = (after(optimizer, start(), 1) - start() for optimizer in (fast, slow))
    if name != "lbfgs with search":
        assert torch.allclose(half, whole / 2, atol=1e-6)
    else:
        assert float(slow.state()["rate"]) == 0.5


def test_lbfgs_remembers_no_more_than_its_history() -> None:
    optimizer = lbfgs(history=3)
    after(optimizer, start(), 9)
    assert sum(name.endswith(".s") for name in optimizer.state()) == 3


def test_lbfgs_ignores_a_step_along_which_the_curvature_is_not_positive() -> None:
    def hill(x: Tensor) -> Evaluation:
        return Evaluation(-0.5 * x.square().sum(), ZERO, ZERO, ZERO, -x)

    optimizer, x = lbfgs(), start()
    for _ in range(4):
        optimizer.step(x, hill)
    assert bool(x.isfinite().all())


def test_adam_carries_its_moments_to_another_size() -> None:
    asked: list[str] = []

    def double(t: Tensor, mode: str) -> Tensor:
        asked.append(mode)
        return torch.nn.functional.interpolate(t, scale_factor=2, mode=mode)

    optimizer = adam()
    after(optimizer, start(), 3)
    optimizer.resize(double)
    state = optimizer.state()
    assert asked == ["bicubic", "bilinear"]
    assert state["first"].shape == state["second"].shape == (1, 3, 6, 6)
    assert float(state["second"].min()) >= 0
    assert int(state["steps"]) == 3


def test_lbfgs_carries_its_scale_alone_to_another_size() -> None:
    optimizer = lbfgs()
    after(optimizer, start(), 3)
    before = optimizer.state()["scale"]
    optimizer.resize(lambda t, mode: torch.nn.functional.interpolate(t, scale_factor=2, mode=mode))
    state = optimizer.state()
    assert set(state) == {"rate", "scale"}
    torch.testing.assert_close(state["scale"], 4 * before)  # four times as many pixels


def test_lbfgs_of_an_unused_scale_carries_nothing() -> None:
    optimizer = lbfgs()
    optimizer.resize(lambda t, mode: t)
    assert set(optimizer.state()) == {"rate"}


def test_the_parameters_choose_the_optimizer() -> None:
    assert isinstance(make_optimizer(config(optimizer="adam")), Adam)
    assert isinstance(make_optimizer(config(optimizer="lbfgs")), Lbfgs)
    assert isinstance(make_optimizer(config(optimizer="rmsprop")), RmsProp)
    bands = config(optimizer="adam", parameterization="laplacian", carry_state=False)
    assert isinstance(make_optimizer(bands), Laplacian)


def test_rmsprop_carries_its_average_to_another_size() -> None:
    optimizer = rmsprop()
    after(optimizer, start(), 3)
    optimizer.resize(lambda t, mode: torch.nn.functional.interpolate(t, scale_factor=2, mode=mode))
    assert optimizer.state()["square"].shape == (1, 3, 6, 6)
    assert float(optimizer.state()["square"].min()) >= 0


@pytest.mark.parametrize("name", ["lbfgs", "lbfgs with search"])
def test_lbfgs_forms_no_pair_of_two_functions(name: str) -> None:
    """The bowl is moved after some steps: what the gradient changes by then says nothing about the curvature."""

    def moved(x: Tensor) -> Evaluation:
        found = bowl(x - 5)
        return Evaluation(found.loss, ZERO, ZERO, ZERO, found.gradient)

    optimizer, x = MAKERS[name](), start()
    after(optimizer, x, 5)
    pairs = {key for key in optimizer.state() if key.startswith("pair")}
    optimizer.function_changed()
    optimizer.step(x, moved)
    assert {key for key in optimizer.state() if key.startswith("pair")} == pairs
    for _ in range(60):
        optimizer.step(x, moved)
    assert float(moved(x).loss) < 1e-6


def test_adam_keeps_its_moments_when_the_function_changes() -> None:
    optimizer, x = adam(), start()
    after(optimizer, x, 5)
    before = optimizer.state()
    optimizer.function_changed()
    assert all(torch.equal(value, before[name]) for name, value in optimizer.state().items())
