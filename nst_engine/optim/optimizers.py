"""Optimizers of the pixels, which return after every iteration and can be saved, restored and resized."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from nst_engine.losses.objective import Evaluation
from nst_engine.optim.linesearch import strong_wolfe
from nst_engine.optim.preconditioner import energy, strengthen_coarse

Evaluate = Callable[[Tensor], Evaluation]
Resize = Callable[[Tensor, str], Tensor]  # (B, 3, H, W) and an interpolation mode -> (B, 3, H', W')


class PixelOptimizer(Protocol):
    """An optimizer that takes one iteration at a time on x (1, 3, H, W), changing it in place."""

    def step(self, x: Tensor, evaluate: Evaluate) -> Evaluation:
        """Take one step; return the evaluation of x before it."""

    def function_changed(self) -> None:
        """Expect another function from now on: its samples were drawn again."""

    def slow_down(self) -> None:
        """Forget the history, and take steps half as long from now on."""

    def state(self) -> dict[str, Tensor]:
        """Return everything that decides the next step."""

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue from a state that `state` returned."""

    def resize(self, resize: Resize) -> None:
        """Adapt the history to another size of x."""


class Adam:
    """Adam (Kingma and Ba 2014)."""

    def __init__(self, *, learning_rate: float, beta1: float, beta2: float, epsilon: float = 1e-8) -> None:
        self._rate, self._betas, self._epsilon = learning_rate, (beta1, beta2), epsilon
        self._steps = 0
        self._first: Tensor | None = None
        self._second: Tensor | None = None

    def step(self, x: Tensor, evaluate: Evaluate) -> Evaluation:
        now = evaluate(x)
        g = now.gradient
        if self._first is None or self._second is None:
            self._first, self._second = torch.zeros_like(x), torch.zeros_like(x)
        beta1, beta2 = self._betas
        self._steps += 1
        self._first.lerp_(g, 1 - beta1)
        self._second.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        root = (self._second / (1 - beta2**self._steps)).sqrt_().add_(self._epsilon)
        x.addcdiv_(self._first, root, value=-self._rate / (1 - beta1**self._steps))
        return now

    def function_changed(self) -> None:
        """Keep the moments: they average over samples."""

    def slow_down(self) -> None:
        self._rate /= 2
        self._steps, self._first, self._second = 0, None, None

    def state(self) -> dict[str, Tensor]:
        found = {"steps": torch.tensor(self._steps), "rate": torch.tensor(self._rate, dtype=torch.float64)}
        if self._first is not None and self._second is not None:
            found |= {"first": self._first, "second": self._second}
        return found

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self._steps, self._rate = int(state["steps"]), float(state["rate"])
        self._first, self._second = _copy(state.get("first")), _copy(state.get("second"))

    def resize(self, resize: Resize) -> None:
        """Resize the moments: the first bicubic, the second bilinear and at least 0 (Crowson 2021)."""
        if self._first is not None and self._second is not None:
            self._first = resize(self._first, "bicubic")
            self._second = resize(self._second, "bilinear").clamp_(min=0)


@dataclass(frozen=True)
class _Pair:
    """A step s, the change y of the gradient along it, and 1/(s·y), or 0 if the curvature was not positive."""

    s: Tensor
    y: Tensor
    rho: Tensor


class Lbfgs:
    """Limited-memory BFGS (Liu and Nocedal 1989), with steps of fixed length or a strong-Wolfe line search.

    With steps of fixed length an iteration is one evaluation and never waits for the device. `coarse` above 0 scales
    the initial inverse Hessian so that coarse structure moves further than fine detail (preconditioner.py).
    """

    def __init__(self, *, learning_rate: float, history: int, search: bool, coarse: float = 0.0) -> None:
        self._rate, self._history, self._search, self._coarse = learning_rate, history, search, coarse
        self._pairs: list[_Pair] = []
        self._scale: Tensor | None = None  # the latest s·y / y·y, which scales the initial inverse Hessian
        self._move: Tensor | None = None
        self._gradient: Tensor | None = None
        self._ahead: Evaluation | None = None  # of the x on which the line search ended

    def step(self, x: Tensor, evaluate: Evaluate) -> Evaluation:
        now = self._ahead or evaluate(x)
        self._ahead = None
        if self._move is not None and self._gradient is not None:
            self._remember(self._move, now.gradient - self._gradient)
        direction = self._direction(now.gradient)
        length: Tensor | float = self._rate
        if self._scale is None:
            length = (1 / now.gradient.abs().sum()).clamp(max=1) * self._rate
        if self._search:
            length, self._ahead = strong_wolfe(evaluate, x, now, direction, float(length))
        self._move = direction if isinstance(length, float) and length == 1.0 else direction.mul_(length)
        self._gradient = now.gradient
        x.add_(self._move)
        return now

    def _remember(self, s: Tensor, y: Tensor) -> None:
        sy, yy = _dot(s, y), energy(y, self._coarse) if self._coarse else _dot(y, y)
        good = sy > 1e-10 * yy
        self._pairs.append(_Pair(s, y, torch.where(good, 1 / sy, torch.zeros_like(sy))))
        del self._pairs[: -self._history]
        scale = torch.where(good, sy / yy, torch.ones_like(sy) if self._scale is None else self._scale)
        self._scale = scale

    def _direction(self, gradient: Tensor) -> Tensor:
        """Return −H g by the two-loop recursion (Nocedal and Wright, algorithm 7.4)."""
        q = -gradient
        alphas = []
        for pair in reversed(self._pairs):
            alpha = pair.rho * _dot(pair.s, q)
            q.addcmul_(pair.y, alpha, value=-1)
            alphas.append(alpha)
        if self._scale is not None:
            q = strengthen_coarse(q, self._coarse) if self._coarse else q
            q.mul_(self._scale)
        for pair, alpha in zip(self._pairs, reversed(alphas), strict=True):
            beta = pair.rho * _dot(pair.y, q)
            q.addcmul_(pair.s, alpha - beta)
        return q

    def function_changed(self) -> None:
        """Form no pair across the change: its y would mix two functions. The pairs of before still hold roughly."""
        self._move, self._gradient, self._ahead = None, None, None

    def slow_down(self) -> None:
        self._rate /= 2
        self._pairs, self._scale, self._move, self._gradient, self._ahead = [], None, None, None, None

    def state(self) -> dict[str, Tensor]:
        found = {"rate": torch.tensor(self._rate, dtype=torch.float64)}
        last = {"scale": self._scale, "move": self._move, "gradient": self._gradient}
        found |= {name: value for name, value in last.items() if value is not None}
        for i, pair in enumerate(self._pairs):
            found |= {f"pair{i:03}.s": pair.s, f"pair{i:03}.y": pair.y, f"pair{i:03}.rho": pair.rho}
        return found

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self._rate = float(state["rate"])
        self._scale, self._move, self._gradient = (_copy(state.get(name)) for name in ("scale", "move", "gradient"))
        self._ahead = None
        names = sorted(name.removesuffix(".s") for name in state if name.endswith(".s"))
        self._pairs = [_Pair(*(state[f"{name}.{part}"].clone() for part in ("s", "y", "rho"))) for name in names]

    def resize(self, resize: Resize) -> None:  # noqa: ARG002
        """Start over: the curvature measured at one size misleads at the next."""
        self._pairs, self._scale, self._move, self._gradient, self._ahead = [], None, None, None, None


def _dot(one: Tensor, other: Tensor) -> Tensor:
    return torch.dot(one.view(-1), other.view(-1))


def _copy(value: Tensor | None) -> Tensor | None:
    return None if value is None else value.clone()
