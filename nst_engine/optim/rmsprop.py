"""RMSprop, with the defaults of torch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from nst_engine.losses.objective import Evaluation
from nst_engine.optim.optimizers import Evaluate, Resize

DECAY = 0.99
EPSILON = 1e-8


class RmsProp:
    """Divide the gradient by the root of a moving average of its square (Hinton 2012)."""

    def __init__(self, *, learning_rate: float) -> None:
        self._rate = learning_rate
        self._square: Tensor | None = None

    def step(self, x: Tensor, evaluate: Evaluate) -> Evaluation:
        now = evaluate(x)
        if self._square is None:
            self._square = torch.zeros_like(x)
        self._square.mul_(DECAY).addcmul_(now.gradient, now.gradient, value=1 - DECAY)
        x.addcdiv_(now.gradient, self._square.sqrt().add_(EPSILON), value=-self._rate)
        return now

    def function_changed(self) -> None:
        """Keep the average: it is one over samples."""

    def slow_down(self) -> None:
        self._rate /= 2
        self._square = None

    def state(self) -> dict[str, Tensor]:
        found = {"rate": torch.tensor(self._rate, dtype=torch.float64)}
        return found if self._square is None else found | {"square": self._square}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self._rate = float(state["rate"])
        self._square = state["square"].clone() if "square" in state else None

    def resize(self, resize: Resize) -> None:
        """Resize the average as Adam's second moment."""
        if self._square is not None:
            self._square = resize(self._square, "bilinear").clamp_(min=0)
