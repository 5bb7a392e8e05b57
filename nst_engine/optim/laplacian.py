"""Optimization of the bands of a Laplacian pyramid in place of the pixels (Kolkin et al. 2019).

A step of fixed length on a coarse band moves large areas at once, so that colors and large forms change as fast as
detail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from nst_engine import pyramid
from nst_engine.losses.objective import Evaluation
from nst_engine.optim.optimizers import Evaluate, PixelOptimizer, Resize

BANDS = "bands"


class Laplacian:
    """An optimizer of all bands of x as one vector, by another optimizer."""

    def __init__(self, inner: PixelOptimizer, levels: int) -> None:
        self._inner, self._levels = inner, levels
        self._bands: Tensor | None = None  # of the current x, all in one vector

    def step(self, x: Tensor, evaluate: Evaluate) -> Evaluation:
        shapes = [band.shape for band in pyramid.split(torch.zeros_like(x), self._levels)]
        if self._bands is None:
            self._bands = torch.cat([band.flatten() for band in pyramid.split(x, self._levels)])

        def image(bands: Tensor) -> Tensor:
            parts = bands.split([shape.numel() for shape in shapes])  # type: ignore[no-untyped-call]
            return pyramid.join([part.view(shape) for part, shape in zip(parts, shapes, strict=True)])

        def evaluate_bands(bands: Tensor) -> Evaluation:
            given = bands.detach().requires_grad_()
            with torch.enable_grad():
                joined = image(given)
            now = evaluate(joined.detach())
            with torch.enable_grad():
                slope = (joined * now.gradient).sum()
            return replace(now, gradient=torch.autograd.grad(slope, given)[0])

        now = self._inner.step(self._bands, evaluate_bands)
        x.copy_(image(self._bands))
        return now

    def function_changed(self) -> None:
        self._inner.function_changed()

    def slow_down(self) -> None:
        self._bands = None  # x was put back
        self._inner.slow_down()

    def state(self) -> dict[str, Tensor]:
        found = self._inner.state()
        return found if self._bands is None else found | {BANDS: self._bands}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self._bands = state[BANDS].clone() if BANDS in state else None
        self._inner.restore(state)

    def resize(self, resize: Resize) -> None:
        """Not supported: the bands of another size are others. A run with bands starts over at each scale."""
        raise NotImplementedError
