"""The two facts that EXIF tells about pixels, orientation and color space; everything else in it is ignored."""

import struct

from PIL import ExifTags, Image

from nst_engine.images.color import ADOBE_RGB, ColorSpace

ADOBE_RGB_CODE = 2  # outside the standard, but cameras write it
UNCALIBRATED = 0xFFFF  # then the interoperability index says which: R03 is Adobe RGB

# What Pillow raises on damaged EXIF.
_DAMAGED = (struct.error, SyntaxError, ValueError, TypeError, LookupError, OSError, ArithmeticError)


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 if there is none."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except _DAMAGED:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def color_space(image: Image.Image) -> ColorSpace | None:
    """Return the color space that EXIF names; None for sRGB and where it names none."""
    try:
        tags = image.getexif().get_ifd(ExifTags.IFD.Exif)
        code = tags.get(ExifTags.Base.ColorSpace)
        if code == ADOBE_RGB_CODE:
            return ADOBE_RGB
        if code == UNCALIBRATED:
            index = image.getexif().get_ifd(ExifTags.IFD.Interop).get(1, "")
            text = index.decode("ascii", "replace") if isinstance(index, bytes) else str(index)
            return ADOBE_RGB if text.startswith("R03") else None
    except _DAMAGED:
        return None
    return None
