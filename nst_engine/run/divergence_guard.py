"""Recovery of a run that diverges."""

from __future__ import annotations

import math
from typing import Protocol

from torch import Tensor

from nst_engine.losses.objective import Evaluation, Losses
from nst_engine.optim.optimizers import Evaluate
from nst_engine.spec.errors import DivergedError

MAX_RETRIES = 8
BLOW_UP = 1e6  # a loss this many times the first one of the scale counts as diverged, before it overflows


class Steps(Protocol):
    """What the guard needs of an optimizer."""

    def step(self, x: Tensor, evaluate: Evaluate) -> Evaluation:
        """Take one step; return the evaluation of x before it."""

    def slow_down(self) -> None:
        """Forget the history, and take steps half as long from now on."""


class DivergenceGuard:
    """Restore the last good iterate when the loss diverges, and go on with smaller steps."""

    def __init__(self, optimizer: Steps) -> None:
        self._optimizer = optimizer
        self._good: Tensor | None = None
        self._first_loss: float | None = None
        self._retries = 0

    def step(self, x: Tensor, evaluate: Evaluate) -> Losses | None:
        """Take a step; return the losses before it, or None if it was undone.

        Raises DivergedError after MAX_RETRIES undone steps.
        """
        before = x.clone()
        now = self._optimizer.step(x, evaluate)
        losses, (pixels,) = now.read(x.sum())
        if self._is_good(losses.total):
            self._good = before
            if math.isfinite(pixels):  # a single pixel that is infinite or NaN makes the sum so
                return losses
        self._retries += 1
        if self._good is None or self._retries > MAX_RETRIES:
            raise DivergedError(self._reason(losses.total))
        x.copy_(self._good)
        self._optimizer.slow_down()
        return None

    def _reason(self, loss: float) -> str:
        """Say how the loss went and what to change."""
        if self._first_loss is None:
            return "the optimization diverged: the loss is not a number at the start"
        return (
            f"the optimization diverged: the loss began at {self._first_loss:.2g} and was {loss:.2g} in the end, even "
            "with smaller steps. The activations of the network may be too large for the weights of the losses: try a "
            "smaller learning rate or style_weight, or a preset with normalized losses, such as default"
        )

    def _is_good(self, loss: float) -> bool:
        if not math.isfinite(loss):
            return False
        self._first_loss = loss if self._first_loss is None else self._first_loss
        return loss <= BLOW_UP * max(self._first_loss, 1e-12)
