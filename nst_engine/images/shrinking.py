"""Shrinking large pictures once, before they become tensors, which are resized for every scale of a run."""

from __future__ import annotations

from PIL import Image

from nst_engine.spec.config import StyleConfig
from nst_engine.spec.schedule import schedule, style_size

HEADROOM = 2  # times the size of the last scale: resizing from there differs by less than one level from the original
WORTHWHILE = 1.5  # times that size from which on shrinking saves time
REDUCING_GAP = 2.0  # Pillow first averages whole blocks of pixels, down to this multiple of the new size


class Shrinker:
    """Shrinks the pictures of one run to what its last scale needs."""

    def __init__(self, config: StyleConfig, content: Image.Image) -> None:
        self._config = config
        self._last = schedule(config, content.height, content.width)[-1]  # raises ConfigError

    def content(self, picture: Image.Image) -> Image.Image:
        """Shrink the content image, or a mask or an initial image, which are fitted to it."""
        return _shrunk(picture, self._last.height, self._last.width)

    def style(self, picture: Image.Image) -> Image.Image:
        """Shrink a style image."""
        return _shrunk(picture, *style_size(self._config, (picture.height, picture.width), self._last))


def _shrunk(picture: Image.Image, height: int, width: int) -> Image.Image:
    size = HEADROOM * width, HEADROOM * height
    if any(side < WORTHWHILE * wanted for side, wanted in zip(picture.size, size, strict=True)):
        return picture
    return picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=REDUCING_GAP)
