"""Overlapping tiles of an image, whose features together are exactly those of the whole image."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

ALIGNMENT = 32  # the deepest stride of any network: tiles that start on its multiples share its grid
Place = tuple[slice, slice]  # rows and columns of a layer of the whole image


@dataclass(frozen=True, kw_only=True)
class Span:
    """One side of a tile: the pixels that it reads, and those among them whose features it owns."""

    start: int
    stop: int
    own_start: int
    own_stop: int
    is_last: bool

    def own(self, length: int) -> slice:
        """Return where the own features lie among the `length` features of the pixels read."""
        stride = self._stride(length)
        stop = length if self.is_last else (self.own_stop - self.start) // stride
        return slice((self.own_start - self.start) // stride, stop)

    def place(self, length: int) -> slice:
        """Return where the own features lie among those of the whole image."""
        own, start = self.own(length), self.own_start // self._stride(length)
        return slice(start, start + own.stop - own.start)

    def _stride(self, length: int) -> int:
        return 1 << round(math.log2((self.stop - self.start) / length))


@dataclass(frozen=True)
class Tile:
    """A rectangle of the image."""

    rows: Span
    columns: Span

    def crop(self, image: Tensor) -> Tensor:
        """Return the tile's pixels (1, C, h, w) of an image (1, C, H, W)."""
        return image[..., self.rows.start : self.rows.stop, self.columns.start : self.columns.stop]

    def own(self, features: Tensor) -> Tensor:
        """Return the features that the tile owns, of all that its pixels have."""
        return features[..., self.rows.own(features.shape[-2]), self.columns.own(features.shape[-1])]

    def place(self, features: Tensor) -> Place:
        """Return where the own features lie in the layer of the whole image, given all that its pixels have."""
        return self.rows.place(features.shape[-2]), self.columns.place(features.shape[-1])


def tiles(height: int, width: int, *, size: int | None, margin: int) -> Iterator[Tile]:
    """Yield tiles of `size` pixels a side, each of which reads `margin` more pixels around its own.

    size: None yields one tile, the whole image.
    """
    for rows in _spans(height, size, margin):
        for columns in _spans(width, size, margin):
            yield Tile(rows, columns)


def _spans(length: int, size: int | None, margin: int) -> Iterator[Span]:
    side = max(ALIGNMENT, (size or length) // ALIGNMENT * ALIGNMENT)
    margin = math.ceil(margin / ALIGNMENT) * ALIGNMENT
    count = 1 if size is None else max(1, round(length / side))
    for index in range(count):
        is_last = index == count - 1
        begin = index * side
        end = length if is_last else begin + side
        yield Span(
            start=max(0, begin - margin),
            stop=min(length, end + margin),
            own_start=begin,
            own_stop=end,
            is_last=is_last,
        )
