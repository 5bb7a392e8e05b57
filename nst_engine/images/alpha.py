"""Transparent photos: what is painted where nothing is seen, and masks that are drawn in alpha."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from nst_engine.spec.errors import PictureError

KEEP, WHITE = "keep", "white"
ALPHA = re.compile(r"keep|white|#[0-9a-fA-F]{6}")
FILL_SIDE = 512
TINY = 1e-6
Pixels = NDArray[Any]


def split_alpha(picture: Image.Image, mode: str) -> tuple[Image.Image, Image.Image | None]:
    """Return the RGB picture to paint, and the alpha channel that belongs on the result, if any.

    `mode` is `keep`, which fills transparent parts from their surroundings, or the color to put behind them: `white`
    or `#rrggbb`.
    """
    if picture.mode != "RGBA":
        return picture, None
    alpha = picture.getchannel("A")
    if mode == KEEP:
        return _filled(picture), alpha
    background = Image.new("RGB", picture.size, ImageColor.getrgb(mode))
    return Image.composite(picture.convert("RGB"), background, alpha), None


def mask_of(picture: Image.Image) -> Image.Image:
    """Return a mask (mode L): the alpha of a picture with transparency, the brightness of any other.

    Raises PictureError if there is an alpha channel and nothing is drawn in it.
    """
    if picture.mode != "RGBA":
        return picture.convert("L")
    alpha = picture.getchannel("A")
    if alpha.getextrema() == (0, 0):
        raise PictureError("mask_without_shape", "the mask is transparent everywhere; draw the area to paint")
    if alpha.getextrema() != (255, 255):
        return alpha
    gray = picture.convert("RGB").convert("L")
    darkest, brightest = gray.getextrema()
    if darkest == brightest:
        message = "the mask is opaque everywhere and of one color; make what is not to be painted transparent or black"
        raise PictureError("mask_without_shape", message)
    return gray


def _filled(picture: Image.Image) -> Image.Image:
    """Put a picture over the colors around its transparent parts.

    They are computed small, because they are smooth and a large picture of floats takes gigabytes.
    """
    small = picture.copy()
    small.thumbnail((FILL_SIDE, FILL_SIDE), Image.Resampling.BOX)
    pixels = np.asarray(small, dtype=np.float32)
    alpha = pixels[..., 3:] / 255
    colors: Pixels = _pull_push(pixels[..., :3] * alpha, alpha)
    around = Image.fromarray((colors + 0.5).clip(0, 255).astype(np.uint8), "RGB")
    around = around.resize(picture.size, Image.Resampling.BICUBIC)
    return Image.composite(picture.convert("RGB"), around, picture.getchannel("A"))


def _pull_push(premultiplied: Pixels, alpha: Pixels) -> Pixels:
    """Return colors (H, W, 3), from coarse to fine: those that are seen, over the filled picture of half the size.

    The method is pull-push (Gortler et al. 1996).
    """
    height, width = alpha.shape[:2]
    if height == 1 and width == 1:
        single: Pixels = premultiplied / np.maximum(alpha, TINY)
        return single
    weight = _halved(alpha)
    # A block counts in full as soon as a pixel of it is seen; only unseen ones take their color from further away.
    seen = np.minimum(4 * weight, 1)
    coarse = _pull_push(_halved(premultiplied) / np.maximum(weight, TINY) * seen, seen)
    filled = coarse.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    blended: Pixels = premultiplied + (1 - alpha) * filled
    return blended


def _halved(pixels: Pixels) -> Pixels:
    """Return the means of blocks of 2 x 2 pixels; an odd edge is repeated."""
    height, width = pixels.shape[:2]
    even = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    halved: Pixels = (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4
    return halved
