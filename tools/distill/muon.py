"""Muon: momentum that is orthogonalized before each step (Jordan 2024, github.com/KellerJordan/Muon)."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

# The quintic iteration's coefficients, from the source above.
A, B, C = 3.4445, -4.7750, 2.0315


def orthogonalize(matrix: Tensor, rounds: int = 5) -> Tensor:
    """Bring all singular values of a matrix (M, N) near one by the Newton-Schulz iteration."""
    x = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.mT
    x = x / (x.norm() + 1e-7)
    for _ in range(rounds):
        gram = x @ x.mT
        x = A * x + (B * gram + C * gram @ gram) @ x
    return x if matrix.shape[0] <= matrix.shape[1] else x.mT


class Muon(torch.optim.Optimizer):
    """Optimize the kernels of convolutions, each as a matrix (out, in * 3 * 3)."""

    def __init__(self, params: Iterable[Tensor], *, lr: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, _: Any = None) -> None:
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                momentum = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
                momentum.lerp_(weight.grad, 1 - group["momentum"])
                update = weight.grad.lerp(momentum, group["momentum"]).flatten(1)  # (out, in * 3 * 3)
                weight.add_(orthogonalize(update).view(weight.shape), alpha=-group["lr"])
