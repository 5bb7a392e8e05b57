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
    matrices are padded with zeros to the size of the largest.
    """

    def __init__(self, targets: Sequence[GaussianTarget], weights: Sequence[float]) -> None:
        self._channels = [len(target.mean) for target in targets]
        rank, device = max(target.root.shape[1] for target in targets), targets[0].mean.device
        padded = [(target, max(self._channels) - len(target.mean)) for target in targets]
        self._mean = torch.stack([pad(t.mean.double(), (0, more)) for t, more in padded])  # (B, C)
        self._root = torch.stack([pad(t.root, (0, rank - t.root.shape[1], 0, more)) for t, more in padded])  # (B, C, r)
        self._variance = torch.stack([t.covariance.diagonal().sum() for t in targets])  # (B,)
        self._eye = torch.stack([pad(torch.ones_like(t.mean.double()), (0, more)).diag() for t, more in padded])
        self._scale = _vector(tuple(w * t.scale for w, t in zip(weights, targets, strict=True)), device)  # (B,)

    def losses(self, sums: Sequence[Sums]) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Return the sum of the losses, in float32, and the SumsGradient of each, in the dtype of the sums."""
        second, first = torch.zeros_like(self._eye), torch.zeros_like(self._mean)
        for i, (channels, one) in enumerate(zip(self._channels, sums, strict=True)):
            second[i, :channels, :channels] = one.outer
            first[i, :channels] = one.total
        count = _counts(sums)
        second.div_(count[:, None, None])
        first.div_(count[:, None])
        covariance = torch.baddbmm(second, first[:, :, None], first[:, None], alpha=-1)
        # Of a plain picture nothing is left but rounding, and Newton-Schulz diverges where an eigenvalue is negative.
        noise = _trace(second).mul_(ROUNDING * torch.finfo(sums[0].outer.dtype).eps)
        diagonal = (noise.square() / _trace(covariance).clamp_(min=EPSILON).add_(noise)).add_(EPSILON)
        covariance.addcmul_(self._eye, diagonal[:, None, None])
        root, inverse = newton_schulz(self._root.mT @ covariance @ self._root)
        difference = first - self._mean
        spread = _trace(covariance) + self._variance - 2 * _trace(root)
        loss = torch.dot(self._scale, difference.square().sum(1) + spread)
        # The gradient of tr((Rᵀ Σ R)^½) by Σ is ½ R (Rᵀ Σ R)^-½ Rᵀ.
        by_covariance = torch.baddbmm(self._eye, self._root @ inverse, self._root.mT, alpha=-1)
        by_mean = torch.baddbmm(difference[:, :, None], by_covariance, first[:, :, None], alpha=-1)[:, :, 0]
        twice = 2 * self._scale / count
        by_second, by_first = by_covariance.mul_(twice[:, None, None]), by_mean.mul_(twice[:, None])
        by_second, by_first = (by.to(sums[0].outer.dtype) for by in (by_second, by_first))
        gradients = [(by_second[i, :c, :c], by_first[i, :c]) for i, c in enumerate(self._channels)]
        return loss.float(), gradients


def _trace(matrices: Tensor) -> Tensor:
    return matrices.diagonal(dim1=-2, dim2=-1).sum(1)


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
