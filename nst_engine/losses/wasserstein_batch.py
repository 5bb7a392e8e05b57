"""The Wasserstein losses of several layers at once, for CUDA devices."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import pad

from nst_engine.losses.moments import Sums
from nst_engine.losses.sqrtm import newton_schulz
from nst_engine.losses.wasserstein import EPSILON, GaussianTarget

ROUNDING = 8  # machine epsilons of E[f²]: how far below 0 the rounded sums can bring an eigenvalue of a covariance


class WassersteinBatch:
    """The weighted losses of Gaussians, and their gradients in closed form, without eigenvalues.

    cuSOLVER finds eigenvalues only while the host waits, and its work on small matrices would leave a GPU idle. The
    matrices are padded with zeros to the size of the largest. Means are the columns before the matrices.
    """

    def __init__(self, targets: Sequence[GaussianTarget], weights: Sequence[float]) -> None:
        self._channels = [len(target.mean) for target in targets]
        rank, device = max(target.root.shape[1] for target in targets), targets[0].mean.device
        padded = [(target, max(self._channels) - len(target.mean)) for target in targets]
        self._mean = torch.stack([pad(t.mean.double()[:, None], (0, 0, 0, more)) for t, more in padded])  # (B, C, 1)
        self._root = torch.stack([pad(t.root, (0, rank - t.root.shape[1], 0, more)) for t, more in padded])  # (B, C, r)
        self._eye = torch.stack([pad(torch.ones_like(t.mean.double()), (0, more)).diag() for t, more in padded])
        self._scale = _vector(tuple(w * t.scale for w, t in zip(weights, targets, strict=True)), device)  # (B,)
        self._twice = 2 * self._scale[:, None, None]
        variance = torch.stack([t.covariance.diagonal().sum() for t in targets])  # (B,)
        self._constant = torch.dot(self._scale, variance).view(1)
        self._epsilon = torch.full_like(self._scale, EPSILON)
        self._places, self._zero = _places(self._channels).to(device), torch.zeros(1, device=device)

    def losses(self, sums: Sequence[Sums]) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Return the sum of the losses, in float32, and the SumsGradient of each, in the dtype of the sums."""
        count = _counts(sums)[:, None, None]
        moments = self._padded(sums).div(count)  # (B, C, 1 + C), float64
        first, covariance = moments[:, :, :1], moments[:, :, 1:]
        power = _trace(covariance)
        covariance.baddbmm_(first, first.mT, alpha=-1)
        self._add_diagonal(covariance, power, torch.finfo(sums[0].outer.dtype).eps)
        by_root = self._root.mT @ moments  # Rᵀ μ and Rᵀ Σ
        root, inverse = newton_schulz(by_root[:, :, 1:] @ self._root)
        difference = first - self._mean
        spread = torch.add(_trace(covariance), _trace(root), alpha=-2)[:, None, None]
        distance = torch.baddbmm(spread, difference.mT, difference)[:, 0, 0]  # but for the style's variance
        loss = torch.addmv(self._constant, self._scale[None], distance)[0]
        # The gradient of tr((Rᵀ Σ R)^½) by Σ is ½ R (Rᵀ Σ R)^-½ Rᵀ.
        weighted, gradient = self._root @ inverse, torch.empty_like(moments)
        torch.baddbmm(self._mean, weighted, by_root[:, :, :1], beta=-1, out=gradient[:, :, :1])
        torch.baddbmm(self._eye, weighted, self._root.mT, alpha=-1, out=gradient[:, :, 1:])
        by_sums = torch.empty_like(gradient, dtype=sums[0].outer.dtype)
        torch.mul(gradient, self._twice / count, out=by_sums)
        return loss.float(), [(by[:c, 1 : c + 1], by[:c, 0]) for by, c in zip(by_sums, self._channels, strict=True)]

    def _padded(self, sums: Sequence[Sums]) -> Tensor:
        """Return the sums side by side, (B, C, 1 + C): two kernels in place of two for each layer."""
        values = [part.flatten() for one in sums for part in (one.total, one.outer)]
        padded = torch.cat([self._zero.to(values[0]), *values]).index_select(0, self._places)
        return padded.view(len(self._channels), max(self._channels), -1)

    def _add_diagonal(self, covariance: Tensor, power: Tensor, rounding: float) -> None:
        """Add the constant on the diagonals, and what keeps Newton-Schulz from diverging.

        Of a plain picture nothing is left but rounding, and it diverges where an eigenvalue is negative.
        """
        share = ROUNDING * rounding
        spread = torch.add(_trace(covariance).clamp_(min=EPSILON), power, alpha=share)
        diagonal = torch.addcdiv(self._epsilon, power.square(), spread, value=share**2)
        covariance.addcmul_(self._eye, diagonal[:, None, None])


def _trace(matrices: Tensor) -> Tensor:
    return matrices.diagonal(dim1=-2, dim2=-1).sum(1)


def _places(channels: Sequence[int]) -> Tensor:
    """Return where each padded value is found in a vector of a zero and, for each layer, Σ f and Σ f fᵀ."""
    places, start = [], 1
    for c in channels:
        total, more = torch.arange(start, start + c, dtype=torch.int32), max(channels) - c
        outer = torch.arange(start + c, start + c + c * c, dtype=torch.int32).view(c, c)
        places.append(pad(torch.cat([total[:, None], outer], 1), (0, more, 0, more)))
        start += c + c * c
    return torch.stack(places).flatten()


def _counts(sums: Sequence[Sums]) -> Tensor:
    """Return the numbers of positions, (B,)."""
    masked = [one.count for one in sums if isinstance(one.count, Tensor)]
    if masked:
        return torch.stack(masked).double()
    return _vector(tuple(float(one.count) for one in sums), sums[0].outer.device)


@lru_cache(maxsize=64)
def _vector(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Return numbers on the device. They are copied once: a copy in each iteration would wait for the device."""
    return torch.tensor(values, dtype=torch.float64).to(device)
