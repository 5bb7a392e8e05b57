"""The features of an image, read as one part for the whole image or as one part for each tile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from nst_engine.losses.tiles import Place, Tile, tiles
from nst_engine.machine.precision import to_float32
from nst_engine.networks.features import Network
from nst_engine.spec.enums import Precision


@dataclass(frozen=True)
class Part:
    """The features that one tile owns, by layer, and where they lie in the layers of the whole image."""

    tile: Tile
    pixels: Tensor  # (1, 3, h, w): what the features were computed from, for autograd
    features: Mapping[str, Tensor]  # (1, C, h', w') each, in the dtype that the network computed in
    places: Mapping[str, Place]


def read_parts(
    network: Network, image: Tensor, *, tile_size: int | None, margin: int, precision: Precision
) -> Iterator[Part]:
    """Yield the parts of an image (1, 3, H, W), each with its graph unless gradients are turned off."""
    for tile in tiles(image.shape[-2], image.shape[-1], size=tile_size, margin=margin):
        pixels = tile.crop(image).detach().requires_grad_()
        features = network.forward(network.preprocess(pixels), precision)
        yield Part(
            tile=tile,
            pixels=pixels,
            features={name: tile.own(f) for name, f in features.items()},
            places={name: tile.place(f) for name, f in features.items()},
        )


class Assembly:
    """The wanted layers of a whole image, in float32 and without a graph, put together from its parts."""

    def __init__(self, wanted: Iterable[str]) -> None:
        self._pieces: dict[str, list[tuple[Place, Tensor]]] = {name: [] for name in wanted}
        self.sizes: dict[str, tuple[int, int]] = {}  # height and width of all layers

    def add(self, parts: Iterable[Part]) -> Iterator[Part]:
        """Yield the parts, keeping what is wanted of each."""
        for part in parts:
            self.sizes = {name: (rows.stop, columns.stop) for name, (rows, columns) in part.places.items()}
            for name, pieces in self._pieces.items():
                # A view would keep all features of the tile alive.
                pieces.append((part.places[name], to_float32(part.features[name].detach()).clone()))
            yield part

    def layers(self) -> dict[str, Tensor]:
        """Return the layers of the parts added, (1, C, h, w) each."""
        return {name: _joined(pieces, self.sizes[name]) for name, pieces in self._pieces.items()}


def assemble(parts: Iterable[Part], wanted: Iterable[str]) -> Assembly:
    """Return the wanted layers of the whole image."""
    assembly = Assembly(wanted)
    for _ in assembly.add(parts):
        pass
    return assembly


def _joined(pieces: list[tuple[Place, Tensor]], size: tuple[int, int]) -> Tensor:
    if len(pieces) == 1:
        return pieces[0][1]
    whole = pieces[0][1].new_empty(1, pieces[0][1].shape[1], *size)
    for place, f in pieces:
        whole[(..., *place)] = f
    return whole
