"""The pictures that benchmarks work on: those of folders that the caller names, or what the project itself can make."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image

from nst_engine import Network, Step, StyleConfig, stylize
from nst_engine.images.reading import read_picture
from nst_engine.paintings import STYLES, paint
from nst_engine.tensors import to_tensor

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True)
class Pair:
    """A photo and a painting, with a name for tables."""

    name: str
    content: Image.Image
    style: Image.Image

    @property
    def stem(self) -> str:
        """Return the name for files."""
        return self.name.replace(" + ", "_")

    def stylize(self, config: StyleConfig, network: Network) -> Step:
        """Stylize the photo and return the last step."""
        *_, last = stylize(to_tensor(self.content), [to_tensor(self.style)], config, network=network)
        return last


def add_options(parser: argparse.ArgumentParser, *, pairs: int, size: int) -> None:
    """Add the options that choose pictures."""
    parser.add_argument("--content", type=Path, help="folder of photos; default: those of scikit-image")
    parser.add_argument("--styles", type=Path, help="folder of paintings; default: the built-in styles")
    parser.add_argument("--only", help="names of the paintings to use, separated by commas; default: all")
    parser.add_argument("--pairs", type=int, default=pairs)
    parser.add_argument("--size", type=int, default=size, help="longest side in pixels")


def chosen_pairs(options: argparse.Namespace) -> list[Pair]:
    """Return the pairs that the options choose."""
    return pairs(options.content, options.styles, count=options.pairs, only=names(options.only))


def names(text: str | None) -> list[str] | None:
    """Return the names in an option, None if it was not given."""
    return text.split(",") if text else None


def pairs(contents: Path | None, styles: Path | None, *, count: int, only: list[str] | None = None) -> list[Pair]:
    """Return `count` pairs: each photo in turn with the next painting (of the names in `only`, where given)."""
    photos = _folder(contents) if contents else _photos()
    paintings = _folder(styles) if styles else {name: paint(name, size=512) for name in STYLES}
    chosen = [name for name in paintings if only is None or name in only]
    found = {}
    for offset in range(len(chosen)):
        for index, photo in enumerate(sorted(photos)):
            style = chosen[(index + offset) % len(chosen)]
            name = f"{photo} + {style}"
            found[name] = Pair(name, photos[photo], paintings[style])
    return list(found.values())[:count]


@cache
def example_pair() -> Pair:
    """Return the first pair of what the project itself can make."""
    return pairs(None, None, count=1)[0]


def thumbnail(picture: Image.Image, size: int) -> Image.Image:
    """Return a copy whose longest side is at most `size` pixels."""
    small = picture.convert("RGB")
    small.thumbnail((size, size), Image.Resampling.LANCZOS)
    return small


def _folder(folder: Path) -> dict[str, Image.Image]:
    return {path.stem: read_picture(path) for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES}


def _photos() -> dict[str, Image.Image]:
    from skimage import data

    return {name: Image.fromarray(getattr(data, name)()).convert("RGB") for name in ("astronaut", "chelsea", "coffee")}
