"""The steps that L-BFGS remembers, as the rows of two matrices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Self

import torch
from torch import Tensor


class CurvaturePairs:
    """The last m steps s and changes y of the gradient, and H g computed from them by a few matrix products.

    The two-loop recursion (Nocedal and Wright, algorithm 7.4) needs 4 m vector operations, each of which waits for the
    one before. Both of its loops solve a triangular system (Byrd, Nocedal and Schnabel 1994): A α = S g and
    Aᵀ w = D α − Y r, where A has s_i·y_j for each y_j that is not older than s_i, else 0, and D is its diagonal.

    The rows are used in turn, so that shapes never change and the host needs no number. A row that is not used yet, or
    along which the curvature was not positive, has zeros in A⁻¹ and D.
    """

    def __init__(self, s: Tensor, y: Tensor) -> None:
        self._s, self._y = s, y  # (m, N)
        self._inverse, self._curvatures = s.new_zeros(len(s), len(s)), s.new_zeros(len(s))  # A⁻¹ and D
        self._slot = torch.zeros(1, dtype=torch.int64, device=s.device)  # the row of the oldest pair, used next
        self._zero = s.new_zeros(1)

    @classmethod
    def empty(cls, size: int, x: Tensor) -> Self:
        """Return a history of at most `size` steps of x."""
        return cls(x.new_zeros(size, x.numel()), x.new_zeros(size, x.numel()))

    def add(self, s: Tensor, y: Tensor, yy: Tensor) -> tuple[Tensor, Tensor]:
        """Take in a pair in place of the oldest; return s·y, and whether it is positive compared with `yy`."""
        slot, inverse = self._slot, self._inverse
        self._s.index_copy_(0, slot, s.view(1, -1))
        self._y.index_copy_(0, slot, y.view(1, -1))
        products = torch.mv(self._s, y.view(-1))
        sy = products.index_select(0, slot)
        good = sy > 1e-10 * yy
        rho = torch.where(good, sy.reciprocal(), self._zero)
        # A loses its first row and column and gains a last one, and A⁻¹ with it.
        inverse.index_fill_(0, slot, 0).index_fill_(1, slot, 0)
        column = torch.addmv(products, inverse, products, beta=0, alpha=-1).mul_(rho).index_copy_(0, slot, rho)
        inverse.index_copy_(1, slot, column.view(-1, 1))
        self._curvatures.index_copy_(0, slot, torch.where(good, sy, self._zero))
        slot.add_(1).remainder_(len(self._s))
        return sy[0], good[0]

    def direction(self, gradient: Tensor, initial: Callable[[Tensor], Tensor]) -> Tensor:
        """Return −H g; `initial` multiplies by the initial inverse Hessian, and may do so in place."""
        g = gradient.view(-1)
        alpha = torch.mv(self._inverse, torch.mv(self._s, g))
        r = initial(torch.addmv(g, self._y.T, alpha, beta=-1).view_as(gradient))
        w = torch.mv(self._inverse.T, torch.addcmul(torch.mv(self._y, r.view(-1)), self._curvatures, alpha))
        r.view(-1).addmv_(self._s.T, w, alpha=-1)
        return r

    def state(self) -> dict[str, Tensor]:
        """Return the rows that count, and all else that decides what becomes of them."""
        found = {"slot": self._slot, "inverse": self._inverse, "curvatures": self._curvatures}
        for row in self._curvatures.nonzero().view(-1).tolist():
            found |= {f"pair{row:03}.s": self._s[row], f"pair{row:03}.y": self._y[row]}
        return found

    @classmethod
    def restored(cls, size: int, state: Mapping[str, Tensor]) -> Self | None:
        """Return the history that `state` was taken from, or None if it had nothing that counts."""
        rows = [name for name in state if name.startswith("pair")]
        if not rows:
            return None
        made = cls.empty(size, state[rows[0]])
        for name in rows:
            (made._s if name.endswith(".s") else made._y)[int(name[4:7])] = state[name]
        for kept, name in ((made._slot, "slot"), (made._inverse, "inverse"), (made._curvatures, "curvatures")):
            kept.copy_(state[name])
        return made
