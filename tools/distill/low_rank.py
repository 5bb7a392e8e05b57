"""Convolutions of low rank that are fitted to a teacher's layer by least squares; no training by gradients.

After X. Zhang, J. Zou, K. He and J. Sun, "Accelerating Very Deep Convolutional Networks for Classification and
Detection" (2015): each layer is fitted to the teacher's outputs from the inputs that the student computes, so that it
makes up for the errors of the layers before it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

RIDGE = 1e-4  # relative to the mean square of the inputs


@dataclass
class LeastSquares:
    """The sums that a linear map with a bias from x to y is fitted from, over samples added in any order."""

    xx: Tensor  # (X + 1, X + 1), float64; the last input is 1
    xy: Tensor  # (X + 1, Y), float64

    @classmethod
    def empty(cls, inputs: int, outputs: int) -> "LeastSquares":
        """Return sums over no samples."""
        zeros = torch.zeros(inputs + 1, inputs + 1 + outputs, dtype=torch.float64)
        return cls(zeros[:, : inputs + 1], zeros[:, inputs + 1 :])

    def add(self, x: Tensor, y: Tensor) -> None:
        """Add samples (N, X) and (N, Y)."""
        x = torch.cat([x, x.new_ones(len(x), 1)], 1)
        self.xx += x.T @ x
        self.xy += x.T @ y

    def solve(self) -> Tensor:
        """Return the map (X + 1, Y); its last row is the bias."""
        ridge = RIDGE * self.xx.diagonal()[:-1].mean() * torch.eye(len(self.xx), dtype=torch.float64)
        ridge[-1, -1] = 0
        return torch.linalg.solve(self.xx + ridge, self.xy)

    def solve_rank(self, rank: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the best map of a rank as (X, rank), (rank, Y) and a bias (Y,): reduced-rank regression.

        The outputs of the first factor have a standard deviation of 1, so that it can be stored in float16.
        """
        whole = self.solve()
        mean = self.xx[-1] @ whole / self.xx[-1, -1]
        spread = whole.T @ self.xx @ whole / self.xx[-1, -1] - torch.outer(mean, mean)
        values, vectors = torch.linalg.eigh(spread)
        kept = vectors[:, -rank:]
        deviation = values[-rank:].clamp(min=1e-12).sqrt()
        bias = mean - (mean - whole[-1]) @ kept @ kept.T
        return whole[:-1] @ kept / deviation, (kept * deviation).T, bias


def chosen_channels(outputs: Tensor, count: int) -> Tensor:
    """Choose the channels of outputs (N, C) from which all others are best predicted, one after the other."""
    centered = (outputs - outputs.mean(0)).double()
    covariance = centered.T @ centered / len(outputs)
    chosen: list[int] = []
    for _ in range(count):
        variance = covariance.diagonal()
        explained = covariance.square().sum(0) / variance.clamp(min=1e-12)
        explained[variance < 1e-9] = -1  # predicted already
        explained[chosen] = -2
        best = int(explained.argmax())
        chosen.append(best)
        covariance = covariance - torch.outer(covariance[:, best], covariance[best]) / variance[best].clamp(min=1e-12)
    return torch.tensor(sorted(chosen))


def input_projection(kernel: Tensor, outputs: Tensor, inputs: Tensor, *, rank: int, output_rank: int) -> Tensor:
    """Return the projection (rank, C) of the inputs that changes a layer's outputs least.

    kernel: the teacher's, (O, C, 3, 3), read from the student's C channels. outputs: (N, O), inputs: (N, C), samples.
    """
    centered = (outputs - outputs.mean(0)).double()
    directions = torch.linalg.eigh(centered.T @ centered)[1][:, -output_rank:]
    rows = torch.einsum("or,ochw->rhwc", directions, kernel.double()).flatten(0, 2)
    centered = (inputs - inputs.mean(0)).double()
    values, vectors = torch.linalg.eigh(centered.T @ centered / len(inputs))
    deviation = values.clamp(min=max(values[-1].item() * 1e-7, 1e-12)).sqrt()
    right = torch.linalg.svd(rows @ (vectors * deviation) @ vectors.T, full_matrices=False)[2]
    projection: Tensor = right[:rank] @ (vectors / deviation) @ vectors.T
    return projection
