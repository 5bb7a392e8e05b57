"""The pictures that benchmarks work on: folders the caller names, or what the project itself can make."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image

from nst_engine.images.reading import read_picture
from nst_engine.paintings import STYLES, paint

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True)
class Pair:
    """A photo and a painting, with a name for tables."""

    name: str
    content: Image.Image
    style: Image.Image


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


def _folder(folder: Path) -> dict[str, Image.Image]:
    return {path.stem: read_picture(path) for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES}


def _photos() -> dict[str, Image.Image]:
    from skimage import data

    return {name: Image.fromarray(getattr(data, name)()).convert("RGB") for name in ("astronaut", "chelsea", "coffee")}
