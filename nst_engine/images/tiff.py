"""TIFF: which page is the picture, and the layouts that Pillow reads wrongly or not at all, read with tifffile.

Pillow reads what is common at 8 bits (JPEG in TIFF, faxes, palettes); tifffile reads the rest: more bits, separate
planes, white-is-zero, and channels of transparency beside gray, RGB or CMYK.
"""

import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tifffile import COMPRESSION, PHOTOMETRIC, TiffFile, TiffFileError, TiffPage

from nst_engine.images import exif
from nst_engine.images.color import ColorSpace
from nst_engine.images.decoded import Decoded
from nst_engine.spec.errors import PictureError

REDUCED, MASK = 1, 4  # bits of NewSubfileType
OLD_REDUCED = 2  # of SubfileType
ASSOCIATED, UNASSOCIATED = 1, 2  # ExtraSamples
MOST_PAGES = 1000
ICC_PROFILE = 34675
SAMPLES = {PHOTOMETRIC.MINISWHITE: 1, PHOTOMETRIC.MINISBLACK: 1, PHOTOMETRIC.RGB: 3, PHOTOMETRIC.SEPARATED: 4}
MODES = {1: "L", 3: "RGB", 4: "CMYK"}
# Photometric interpretations that neither reader turns into colors.
NAMES = {
    PHOTOMETRIC.CFA: "raw camera pictures",
    PHOTOMETRIC.LINEAR_RAW: "raw camera pictures",
    PHOTOMETRIC.MASK: "masks",
    PHOTOMETRIC.LOGL: "LogL pictures",
    PHOTOMETRIC.LOGLUV: "LogLuv pictures",
    PHOTOMETRIC.ICCLAB: "ICCLab pictures",
    PHOTOMETRIC.ITULAB: "ITULab pictures",
}

# What tifffile and the decoders behind it raise on bad data.
DAMAGED = (TiffFileError, ValueError, TypeError, LookupError, OSError, ArithmeticError, RuntimeError, AssertionError)

Check = Callable[[int, int], None]
Samples = NDArray[Any]


def read(data: bytes, check: Check) -> Decoded:
    """Decode the picture of a TIFF file; `check(width, height)` comes before its pixels. Raises PictureError."""
    try:
        with TiffFile(io.BytesIO(data)) as file:
            index, page = _picture(file)
            check(page.imagewidth, page.imagelength)
            _refuse_unreadable(page)
            if _is_for_pillow(page):
                return _by_pillow(data, index)
            _refuse_truncated(page, len(data))
            tags = exif.of_tiff(data, offset=page.offset, endian=file.byteorder, is_big=file.is_bigtiff)
            return _by_tifffile(page, exif.color_space(tags))
    except PictureError:
        raise
    except DAMAGED:
        raise PictureError("picture_damaged", "the TIFF file is damaged and cannot be decoded") from None


def _picture(file: TiffFile) -> tuple[int, TiffPage]:
    """Return the one page that is a picture, neither a thumbnail nor a mask of another."""
    pages = []
    for index, page in enumerate(file.pages):
        assert isinstance(page, TiffPage)
        kind, old = int(page.subfiletype), page.tags.valueof("SubfileType", default=0)
        if not kind & (REDUCED | MASK) and old != OLD_REDUCED:
            pages.append((index, page))
        if len(pages) > 1 or index >= MOST_PAGES:
            raise PictureError("picture_animated", "the file holds more than one picture; send a still one")
    return pages[0] if pages else (0, file.pages.first)


def _refuse_unreadable(page: TiffPage) -> None:
    """Say what cannot be read, and what to send in its place."""
    name = NAMES.get(PHOTOMETRIC(page.photometric))
    if page.photometric == PHOTOMETRIC.CIELAB and page.bitspersample != 8:
        name = f"{page.bitspersample}-bit CIELab pictures"
    elif page.sampleformat == 3:
        name = "floating-point pictures"
    elif page.sampleformat not in (1, 2, 4) or page.bitspersample > 16:
        name = f"{page.bitspersample}-bit pictures"
    elif page.photometric == PHOTOMETRIC.SEPARATED and page.tags.valueof("InkSet", default=1) != 1:
        name = "separations in other inks than CMYK"
    if name is not None:
        raise PictureError("picture_unsupported", f"{name} cannot be read; send 8 or 16 bits of gray, RGB or CMYK")


def _is_for_pillow(page: TiffPage) -> bool:
    if page.photometric not in SAMPLES:
        return True  # palettes, YCbCr, CIELab
    if page.bitspersample < 8 or page.compression in (COMPRESSION.JPEG, COMPRESSION.OJPEG):
        return not page.extrasamples
    return False


def _by_pillow(data: bytes, index: int) -> Decoded:
    with Image.open(io.BytesIO(data), formats=("TIFF",)) as image:
        image.seek(index)
        tags = exif.of_image(image)
        turn, space = exif.orientation(tags), exif.color_space(tags)
        profile = image.info.get("icc_profile")
        image.load()  # turns the picture by itself
        tag = image.getexif().get(0x0112, 1) if turn != 1 else 1
        mode = image.mode if image.mode in ("L", "RGB", "CMYK", "LAB") else "RGB"
        return Decoded(image=image.convert(mode), profile=profile, space=space, orientation=tag)


def _refuse_truncated(page: TiffPage, size: int) -> None:
    """tifffile fills segments that are missing with zeros."""
    pairs = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    if len(pairs) < math.prod(page.chunked) or any(offset + count > size for offset, count in pairs):
        raise PictureError("picture_truncated", "the picture file is cut short")


def _by_tifffile(page: TiffPage, space: ColorSpace | None) -> Decoded:
    samples = _samples(page)  # (H, W, S)
    count = SAMPLES[PHOTOMETRIC(page.photometric)]
    if samples.shape[-1] < count:
        raise PictureError("picture_damaged", "the TIFF file has fewer channels than its colors need")
    colors, most = samples[..., :count], _most(page)
    if samples.dtype.kind == "i":
        colors = colors.clip(0)
    alpha, kind = None, page.extrasamples[0] if page.extrasamples else 0
    if page.photometric == PHOTOMETRIC.MINISWHITE:
        colors = most - colors
    if kind in (ASSOCIATED, UNASSOCIATED) and samples.shape[-1] > count:
        alpha = samples[..., count].clip(0)
        if kind == ASSOCIATED:
            colors = _unassociated(colors, alpha, most)
    return Decoded(
        image=Image.fromarray(
            _eight_bit(colors, most).squeeze(-1) if count == 1 else _eight_bit(colors, most), MODES[count]
        ),
        alpha=None if alpha is None else Image.fromarray(_eight_bit(alpha, most)),
        profile=page.tags.valueof(ICC_PROFILE),
        space=space,
        orientation=_orientation(page),
    )


def _samples(page: TiffPage) -> Samples:
    """Return the page as (H, W, S)."""
    pixels = np.asarray(page.asarray(maxworkers=1))
    pixels = pixels.reshape(tuple(n for n, axis in zip(pixels.shape, page.axes, strict=True) if axis in "SYX"))
    axes = [axis for axis in page.axes if axis in "SYX"]
    if "S" not in axes:
        return pixels[..., None]
    return np.moveaxis(pixels, axes.index("S"), -1)


def _most(page: TiffPage) -> int:
    """Return the value of full intensity."""
    return int(2 ** (page.bitspersample - (page.sampleformat == 2)) - 1)


def _unassociated(colors: Samples, alpha: Samples, most: int) -> Samples:
    """Undo the multiplication of colors by alpha."""
    factor = most / np.maximum(alpha, 1)[..., None]
    return (colors * factor).clip(0, most)


def _eight_bit(values: Samples, most: int) -> NDArray[np.uint8]:
    if most == 255 and values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    return (values.astype(np.float32) * (255 / most) + 0.5).clip(0, 255).astype(np.uint8)


def _orientation(page: TiffPage) -> int:
    value = page.tags.valueof("Orientation", default=1)
    return int(value) if isinstance(value, int) else 1
