"""The two facts that EXIF tells about pixels, orientation and color space; everything else in it is ignored."""

import io

from PIL import ExifTags, Image

from nst_engine.images.color import ADOBE_RGB, ColorSpace
from nst_engine.images.decoded import DECODER_ERRORS

ADOBE_RGB_CODE = 2  # outside the standard, but cameras write it
UNCALIBRATED = 0xFFFF  # then the interoperability index says which: R03 is Adobe RGB


def of_image(image: Image.Image) -> Image.Exif:
    """Return the EXIF of an opened picture; an empty one if it is damaged."""
    try:
        return image.getexif()
    except DECODER_ERRORS:
        return Image.Exif()


def of_bytes(data: bytes) -> Image.Exif:
    """Parse EXIF; empty if it is damaged."""
    exif = Image.Exif()
    try:
        exif.load(data)
    except DECODER_ERRORS:
        return Image.Exif()
    return exif


def of_tiff(data: bytes, *, offset: int, endian: str, is_big: bool) -> Image.Exif:
    """Parse the tags of a TIFF file's page, which begin at `offset`; empty if they are damaged."""
    exif = Image.Exif()
    exif.endian, exif.bigtiff = endian, is_big
    try:
        exif.load_from_fp(io.BytesIO(data), offset)
    except DECODER_ERRORS:
        return Image.Exif()
    return exif


def orientation(exif: Image.Exif) -> int:
    """Return the EXIF orientation, 1 to 8, of whatever type it is; 1 if there is none."""
    try:
        value = exif.get(ExifTags.Base.Orientation, 1)
        first = value[0] if isinstance(value, bytes | tuple) else value
        return int(first) if first in range(1, 9) else 1
    except DECODER_ERRORS:
        return 1


def color_space(exif: Image.Exif) -> ColorSpace | None:
    """Return the color space that EXIF names; None for sRGB and where it names none."""
    try:
        code = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace)
        if code == ADOBE_RGB_CODE:
            return ADOBE_RGB
        if code == UNCALIBRATED:
            index = exif.get_ifd(ExifTags.IFD.Interop).get(1, "")
            text = index.decode("ascii", "replace") if isinstance(index, bytes) else str(index)
            return ADOBE_RGB if text.startswith("R03") else None
    except DECODER_ERRORS:
        return None
    return None
