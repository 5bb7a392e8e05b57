"""Cutting a picture into overlapping tiles whose features, taken together, are exactly those of the whole picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

ALIGNMENT = 32  # the deepest stride of any network of ours: tiles that start on its multiples share its grid


@dataclass(frozen=True, kw_only=True)
class Span:
    """One side of a tile: the pixels read and, of those, the ones whose features it answers for."""

    start: int
    stop: int
    own_start: int
    own_stop: int
    is_last: bool

    def own(self, length: int) -> tuple[int, int]:
        """Return where the own features begin and end among the `length` features of the pixels read."""
        stride = self._stride(length)
        begin = (self.own_start - self.start) // stride
        return begin, length if self.is_last else (self.own_stop - self.start) // stride

    def place(self, length: int) -> int:
        """Return the index of the first own feature among those of the whole picture."""
        return self.own_start // self._stride(length)

    def _stride(self, length: int) -> int:
        return 1 << round(math.log2((self.stop - self.start) / length))


@dataclass(frozen=True)
class Tile:
    """A rectangle of the picture."""

    rows: Span
    columns: Span

    def cut(self, image: Tensor) -> Tensor:
        """Return the tile's pixels, (1, C, h, w), of an image (1, C, H, W)."""
        return image[..., self.rows.start : self.rows.stop, self.columns.start : self.columns.stop]

    def own(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the features this tile answers for, (1, C, h, w) each."""
        found = {}
        for name, f in features.items():
            top, bottom = self.rows.own(f.shape[-2])
            left, right = self.columns.own(f.shape[-1])
            found[name] = f[..., top:bottom, left:right]
        return found

    def place(self, features: Tensor, own: Tensor) -> tuple[slice, slice]:
        """Return where the own features lie in the map of the whole picture."""
        top, left = self.rows.place(features.shape[-2]), self.columns.place(features.shape[-1])
        return slice(top, top + own.shape[-2]), slice(left, left + own.shape[-1])


def tiles(height: int, width: int, *, size: int, margin: int) -> Iterator[Tile]:
    """Yield tiles of `size` pixels a side, each reading `margin` pixels around what it answers for."""
    for rows in _spans(height, size, margin):
        for columns in _spans(width, size, margin):
            yield Tile(rows, columns)


def _spans(length: int, size: int, margin: int) -> Iterator[Span]:
    size = max(ALIGNMENT, size // ALIGNMENT * ALIGNMENT)
    margin = math.ceil(margin / ALIGNMENT) * ALIGNMENT
    count = max(1, round(length / size))
    for index in range(count):
        is_last = index == count - 1
        begin = index * size
        end = length if is_last else begin + size
        yield Span(
            start=max(0, begin - margin),
            stop=min(length, end + margin),
            own_start=begin,
            own_stop=end,
            is_last=is_last,
        )
