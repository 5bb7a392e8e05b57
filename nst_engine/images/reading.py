"""Reading pictures: any picture file that people have becomes 8-bit sRGB, or a clear refusal.

The header is checked before a pixel is decoded, so that a small file cannot unfold into gigabytes.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageChops, ImageCms, ImageOps

from nst_engine.images.writing import srgb_profile
from nst_engine.spec.errors import PictureError

READABLE: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF")
Source = bytes | Path | BinaryIO


@dataclass(frozen=True, kw_only=True)
class PictureLimits:
    """Bound what a picture may be before it is decoded."""

    max_pixels: int = 50_000_000
    min_side: int = 16
    max_side: int = 16384


def read_picture(source: Source, limits: PictureLimits | None = None) -> Image.Image:
    """Read a picture as upright 8-bit sRGB on white, with no metadata; raises PictureError."""
    with _opened(source, limits or PictureLimits()) as image:
        try:
            image.load()
            upright = ImageOps.exif_transpose(image)
            profile = image.info.get("icc_profile")
            picture = _on_white(_eight_bit(upright), profile)
        except MemoryError:
            raise PictureError("picture_too_large", "the picture needs too much memory to decode") from None
        except _DECODER_ERRORS as error:
            if "truncated" in str(error).lower():
                raise PictureError("picture_truncated", "the picture file is cut short") from None
            raise PictureError("picture_damaged", "the picture file is damaged and cannot be decoded") from None
    picture.info.clear()
    return picture


# What Pillow's decoders raise on bad data; anything else is a bug of ours and should surface.
_DECODER_ERRORS = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError, RuntimeError)


@contextmanager
def _opened(source: Source, limits: PictureLimits) -> Iterator[Image.Image]:
    _register_heif()
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = Image.open(file, formats=READABLE)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise _too_many_pixels(limits) from None
        except (*_DECODER_ERRORS, MemoryError):
            raise _not_a_picture(file) from None
        with image:
            _check(image, limits)
            yield image


@cache
def _register_heif() -> None:
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False, decode_threads=1)


def _check(image: Image.Image, limits: PictureLimits) -> None:
    width, height = image.size
    if width * height > limits.max_pixels:
        raise _too_many_pixels(limits)
    if max(width, height) > limits.max_side:
        message = f"the picture is {width} x {height} pixels; a side may have at most {limits.max_side}"
        raise PictureError("picture_too_large", message)
    if min(width, height) < limits.min_side:
        message = f"the picture is {width} x {height} pixels; a side needs at least {limits.min_side}"
        raise PictureError("picture_too_small", message)
    # Phones write MPO: a JPEG with further pictures behind it, of which the first is the photograph.
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise PictureError("picture_animated", "the file holds more than one picture; send a still one")


def _too_many_pixels(limits: PictureLimits) -> PictureError:
    most = limits.max_pixels / 1_000_000
    return PictureError("picture_too_large", f"the picture has more than {most:g} million pixels")


def _not_a_picture(file: Path | BinaryIO) -> PictureError:
    known = "JPEG, PNG, WebP, TIFF, AVIF or HEIC"
    empty = file.stat().st_size == 0 if isinstance(file, Path) else file.seek(0, io.SEEK_END) == 0
    if empty:
        return PictureError("picture_empty", "the file is empty")
    return PictureError("not_a_picture", f"the file is not a picture that can be read here; send {known}")


def _eight_bit(image: Image.Image) -> Image.Image:
    """Bring 16-bit greys to 8 bits; Pillow has already done so for 16-bit colours."""
    if image.mode.startswith("I;16"):
        image = image.convert("I")
        return image.point(lambda value: value * (1 / 257) + 0.5).convert("L")
    if image.mode == "I":
        lowest, highest = image.getextrema()
        if lowest < 0 or highest > 65535:  # type: ignore[operator]
            raise PictureError("picture_unsupported", "32-bit pictures cannot be read; send 8 or 16 bits")
        return image.point(lambda value: value * (1 / 257) + 0.5).convert("L")
    if image.mode == "F":
        raise PictureError("picture_unsupported", "floating-point pictures cannot be read; send 8 or 16 bits")
    return image


def _on_white(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Take colours to sRGB, then lay what is transparent on white."""
    alpha = None
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        image = image.convert("RGB")
    elif image.mode in ("P", "1", "YCbCr", "HSV", "RGBX"):
        image = image.convert("RGB")
    picture = _to_srgb(image, profile)
    if alpha is None:
        return picture
    white = Image.new("RGB", picture.size, "white")
    return Image.composite(picture, white, alpha) if ImageChops.invert(alpha).getbbox() else picture


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if not profile and image.mode == "LAB":
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    if profile and profile != srgb_profile():
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
            converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            converted = None  # a broken or foreign profile is no reason to refuse the picture
        if converted is not None:
            return converted
    return image.convert("RGB")
