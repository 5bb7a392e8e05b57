"""The average of the iterates, which some systems take as their result."""

from __future__ import annotations

import torch
from torch import Tensor


class IterateAverage:
    """An exponential moving average of iterates (1, 3, H, W), corrected for its start at 0 (Crowson 2021)."""

    def __init__(self, decay: float, biased: Tensor) -> None:
        self._decay = decay
        self.biased = biased  # the average before the correction, which is what a checkpoint holds
        self._before: Tensor | None = None

    @classmethod
    def like(cls, decay: float, x: Tensor) -> IterateAverage:
        """Return the average of no iterates of the shape of `x`."""
        return cls(decay, torch.zeros_like(x))

    def add(self, x: Tensor) -> None:
        """Take in an iterate."""
        self._before = self.biased.clone()
        self.biased.lerp_(x, 1 - self._decay)

    def replace_last(self, x: Tensor) -> None:
        """Take in `x` in place of the last iterate, which had to be undone."""
        if self._before is not None:
            self.biased = self._before.lerp(x, 1 - self._decay)

    def after(self, count: int) -> Tensor:
        """Return the average of `count` iterates."""
        return self.biased / (1 - self._decay**count)
