"""Optimizers of the pixels, which return after every iteration and can be saved, restored and resized."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from nst_engine.losses.objective import Evaluation
from nst_engine.optim.history import CurvaturePairs
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
        self._steps: Tensor | None = None  # on the device, so that a CUDA graph can count them
        self._first: Tensor | None = None
        self._second: Tensor | None = None

    def step(self, x: Tensor, evaluate: Evaluate) -> Evaluation:
        now = evaluate(x)
        g = now.gradient
        if self._first is None or self._second is None or self._steps is None:
            self._first, self._second = torch.zeros_like(x), torch.zeros_like(x)
            self._steps = torch.zeros((), dtype=_count_dtype(x.device), device=x.device)
        beta1, beta2 = self._betas
        self._steps.add_(1)
        if x.is_cuda:  # the same in one kernel, as torch.optim.Adam(fused=True) takes it
            state: Any = [self._first], [self._second], [], [self._steps]
            off: Any = {"weight_decay": 0.0, "amsgrad": False, "maximize": False}
            torch._fused_adam_([x], [g], *state, lr=self._rate, beta1=beta1, beta2=beta2, eps=self._epsilon, **off)
            return now
        self._first.lerp_(g, 1 - beta1)
        self._second.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        root = (self._second / (1 - beta2**self._steps)).sqrt_().add_(self._epsilon)
        x.add_((self._first * (-self._rate / (1 - beta1**self._steps))).div_(root))
        return now

    def function_changed(self) -> None:
        """Keep the moments: they average over samples."""

    def slow_down(self) -> None:
        self._rate /= 2
        self._steps, self._first, self._second = None, None, None

    def state(self) -> dict[str, Tensor]:
        found = {"rate": torch.tensor(self._rate, dtype=torch.float64)}
        if self._first is not None and self._second is not None and self._steps is not None:
            found |= {"steps": self._steps, "first": self._first, "second": self._second}
        return found

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self._rate = float(state["rate"])
        self._first, self._second = _copy(state.get("first")), _copy(state.get("second"))
        self._steps = None
        if self._first is not None:
            device = self._first.device
            self._steps = state["steps"].to(device, dtype=_count_dtype(device), copy=True)

    def resize(self, resize: Resize) -> None:
        """Resize the moments: the first bicubic, the second bilinear and at least 0 (Crowson 2021)."""
        if self._first is not None and self._second is not None:
            self._first = resize(self._first, "bicubic")
            self._second = resize(self._second, "bilinear").clamp_(min=0)


class Lbfgs:
    """Limited-memory BFGS (Liu and Nocedal 1989), with steps of fixed length or a strong-Wolfe line search.

    With steps of fixed length an iteration is one evaluation and never waits for the device. `coarse` above 0 scales
    the initial inverse Hessian so that coarse structure moves further than fine detail (preconditioner.py).
    first_move: the root mean square of the first change of x. Without it the change is tiny, and the step does no more
    than measure the curvature.
    """

    def __init__(
        self,
        *,
        learning_rate: float,
        history: int,
        search: bool,
        coarse: float = 0.0,
        first_move: float | None = None,
    ) -> None:
        self._rate, self._size, self._search, self._coarse = learning_rate, history, search, coarse
        self._first_move = first_move
        self._forget()

    def _forget(self) -> None:
        self._history: CurvaturePairs | None = None
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
            direction, length = self._first(direction)
        if self._search:
            length, self._ahead = strong_wolfe(evaluate, x, now, direction, float(length))
        move = direction if isinstance(length, float) and length == 1.0 else direction.mul_(length)
        self._move, self._gradient = _kept(self._move, move), _kept(self._gradient, now.gradient)
        x.add_(move)
        return now

    def _first(self, direction: Tensor) -> tuple[Tensor, Tensor]:
        """Return direction and length of a step without any knowledge of the curvature, from the negative gradient."""
        if self._first_move is None:
            return direction, (1 / direction.abs().sum()).clamp(max=1) * self._rate
        direction = strengthen_coarse(direction, self._coarse) if self._coarse else direction
        size = direction.square().mean().sqrt().clamp(min=torch.finfo(direction.dtype).tiny)
        return direction, self._first_move * self._rate / size

    def _remember(self, s: Tensor, y: Tensor) -> None:
        if self._history is None:
            self._history = CurvaturePairs.empty(self._size, s)
        yy = energy(y, self._coarse) if self._coarse else torch.dot(y.view(-1), y.view(-1))
        sy, good = self._history.add(s, y, yy)
        scale = torch.where(good, sy / yy, torch.ones_like(sy) if self._scale is None else self._scale)
        self._scale = _kept(self._scale, scale)

    def _direction(self, gradient: Tensor) -> Tensor:
        """Return −H g."""
        if self._history is None:
            return self._initial(-gradient)
        return self._history.direction(gradient, self._initial)

    def _initial(self, q: Tensor) -> Tensor:
        """Multiply by the initial inverse Hessian."""
        if self._scale is None:
            return q
        return (strengthen_coarse(q, self._coarse) if self._coarse else q).mul_(self._scale)

    def function_changed(self) -> None:
        """Form no pair across the change: its y would mix two functions. The pairs of before still hold roughly."""
        self._move, self._gradient, self._ahead = None, None, None

    def slow_down(self) -> None:
        self._rate /= 2
        self._forget()

    def state(self) -> dict[str, Tensor]:
        found = {"rate": torch.tensor(self._rate, dtype=torch.float64)}
        last = {"scale": self._scale, "move": self._move, "gradient": self._gradient}
        found |= {name: value for name, value in last.items() if value is not None}
        return found if self._history is None else found | self._history.state()

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self._rate = float(state["rate"])
        self._scale, self._move, self._gradient = (_copy(state.get(name)) for name in ("scale", "move", "gradient"))
        self._history, self._ahead = CurvaturePairs.restored(self._size, state), None

    def resize(self, resize: Resize) -> None:
        """Forget the pairs, whose curvature misleads at the next size, but keep the scale of the inverse Hessian.

        The losses are means over pixels: with more pixels, the curvature along each is smaller by their ratio.
        """
        scale, gradient = self._scale, self._gradient
        self._forget()
        if scale is not None and gradient is not None:
            channel = gradient[:, :1]
            self._scale = scale * (resize(channel, "bilinear").numel() / channel.numel())


def _kept(buffer: Tensor | None, value: Tensor) -> Tensor:
    """Return a copy of `value`, in the buffer of the value before: what a CUDA graph uses must stay where it is."""
    return value.clone() if buffer is None else buffer.copy_(value)


def _count_dtype(device: torch.device) -> torch.dtype:
    """Return the dtype to count steps in. MPS has no float64, and fused kernels of CUDA count in float32."""
    return torch.float64 if device.type == "cpu" else torch.float32


def _copy(value: Tensor | None) -> Tensor | None:
    return None if value is None else value.clone()
