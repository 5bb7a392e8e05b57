"""The features of an image, read as one part for the whole image or as one part for each tile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from nst_engine.losses.tiles import Place, Tile, tiles
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
