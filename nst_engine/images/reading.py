"""Reading pictures: any picture file that people have becomes 8-bit sRGB, or a clear refusal.

The header is checked before a pixel is decoded, so that a small file cannot unfold into gigabytes.
"""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageChops

from nst_engine.images import exif, isobmff, png, unreadable
from nst_engine.images.alpha import mask_of
from nst_engine.images.decoded import DECODER_ERRORS, Decoded
from nst_engine.images.unreadable import END_OF_JPEG
from nst_engine.spec.errors import PictureError

BY_PILLOW = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF")
JPEGS = ("JPEG", "MPO")  # phones write MPO: a JPEG, the photograph, with further pictures behind it
ISOBMFF = b"ftyp"  # from the fifth byte
MISSING = (127, 128)  # levels of what is missing before an end marker
FILLERS = (b"\x55" * 64, b"\xaa" * 64)  # a decoder takes a missing bit for 0; these begin with 0 and with 1
MOST_PIXELS = 178_956_970  # Pillow opens no larger picture
Source = bytes | Path | BinaryIO


@dataclass(frozen=True, kw_only=True)
class PictureLimits:
    """Bound what a picture may be before it is decoded."""

    max_pixels: int = 50_000_000
    min_side: int = 16
    max_side: int = 16384


def read_picture(source: Source, limits: PictureLimits | None = None) -> Image.Image:
    """Read a picture as upright 8-bit sRGB on white, with no metadata; raises PictureError."""
    return _read(source, limits, Decoded.on_white)


def read_with_alpha(source: Source, limits: PictureLimits | None = None) -> Image.Image:
    """Read a picture like read_picture, but as RGBA if a part of it is transparent; raises PictureError."""
    return _read(source, limits, Decoded.with_alpha)


def read_with_alpha_channel(source: Source, limits: PictureLimits | None = None) -> Image.Image:
    """Read a picture like read_picture, but as RGBA if it has an alpha channel; raises PictureError."""
    return _read(source, limits, partial(Decoded.with_alpha, if_opaque=True))


def read_mask(source: Source, limits: PictureLimits | None = None) -> Image.Image:
    """Read a mask as gray (mode L): its alpha if a part of it is transparent, else its brightness.

    Raises PictureError, also for a mask in whose alpha channel nothing is drawn.
    """
    return mask_of(read_with_alpha_channel(source, limits))


def _read(source: Source, limits: PictureLimits | None, convert: Callable[[Decoded], Image.Image]) -> Image.Image:
    limits = limits or PictureLimits()
    data = _bytes(source)
    try:
        with warnings.catch_warnings(action="ignore"):  # of odd tags, and of many pixels, for which there are limits
            picture = convert(_decoded(data, limits))
    except Image.DecompressionBombError:
        raise _too_many_pixels(limits) from None
    except MemoryError:
        raise PictureError("picture_too_large", "the picture needs too much memory to decode") from None
    except DECODER_ERRORS as error:
        if "truncated" in str(error).lower() or unreadable.is_cut_short(data):
            raise unreadable.cut_short() from None
        raise PictureError("picture_damaged", "the picture file is damaged and cannot be decoded") from None
    picture.info.clear()
    return picture


def _bytes(source: Source) -> bytes:
    if isinstance(source, bytes):
        return source
    return source.read_bytes() if isinstance(source, Path) else source.read()


def _decoded(data: bytes, limits: PictureLimits) -> Decoded:
    if data.startswith(unreadable.TIFF):
        from nst_engine.images import tiff  # here, because tifffile takes longer to load than Pillow

        return tiff.read(data, lambda width, height: _check_size(width, height, limits))
    if data.startswith(png.SIGNATURE):
        return _decoded_png(data, limits)
    space = None
    if data[4:8] == ISOBMFF:
        register_heif()
        space, data = isobmff.color_space(data), isobmff.for_decoders(data)
    with _opened(data, limits) as image:
        facts, profile = exif.of_image(image), image.info.get("icc_profile")
        turn, space = exif.orientation(facts), space or exif.color_space(facts)
        pixels, alpha = _split(_loaded(image, data))
        return Decoded(image=pixels, alpha=alpha, profile=profile, space=space, orientation=turn)


def _decoded_png(data: bytes, limits: PictureLimits) -> Decoded:
    found = png.parse(data)
    with _opened(found.data, limits) as image:
        if found.is_animated:
            raise unreadable.several_pictures()
        turn, space = exif.orientation(found.exif), found.space or exif.color_space(found.exif)
        pixels, alpha = _split(_loaded(image, data))
        alpha = png.key_alpha(found, pixels) or alpha
        pixels = png.full_range(pixels) if found.is_narrow else pixels
        return Decoded(image=pixels, alpha=alpha, profile=found.profile, space=space, orientation=turn)


@contextmanager
def _opened(data: bytes, limits: PictureLimits) -> Iterator[Image.Image]:
    try:
        image = Image.open(io.BytesIO(data), formats=BY_PILLOW)
    except (*DECODER_ERRORS, MemoryError):
        raise unreadable.refusal(data) from None
    with image:
        _check_size(image.width, image.height, limits)
        # MPO and HEIC files say which of their pictures is the photograph.
        if image.format not in ("MPO", "HEIF") and getattr(image, "is_animated", False):
            raise unreadable.several_pictures()
        yield image


@cache
def register_heif() -> None:
    """Teach Pillow to read HEIC; a first HEIC file does so, too."""
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False, decode_threads=1)


def _loaded(image: Image.Image, data: bytes) -> Image.Image:
    """Load a picture; a JPEG without its end marker counts as whole if all of its rows are there.

    A decoder fills what is missing, with whatever follows the data: where nothing is missing, it reads nothing of that.
    """
    try:
        image.load()
    except OSError:
        if image.format not in JPEGS:
            raise
        whole = data.rstrip(END_OF_JPEG[:1])
        image = _jpeg(whole + END_OF_JPEG)
    else:
        if image.format not in JPEGS or not _may_lack_rows(image):
            return image
        whole = data[: data.rfind(END_OF_JPEG)]
    others = (_jpeg(whole + filler + END_OF_JPEG) for filler in FILLERS)
    if any(ImageChops.difference(image, other).getbbox() for other in others):
        raise unreadable.cut_short()
    return image


def _may_lack_rows(image: Image.Image) -> bool:
    """Tell whether the last pixel is the gray of rows that are missing before the end marker."""
    pixel = np.asarray(image.crop((image.width - 1, image.height - 1, *image.size)))
    return bool(np.isin(pixel, MISSING).all())


def _jpeg(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        image.load()
        return image.copy()


def _check_size(width: int, height: int, limits: PictureLimits) -> None:
    if width * height > limits.max_pixels:
        raise _too_many_pixels(limits)
    if max(width, height) > limits.max_side:
        message = f"the picture is {width} x {height} pixels; a side may have at most {limits.max_side}"
        raise PictureError("picture_too_large", message)
    if min(width, height) < limits.min_side:
        message = f"the picture is {width} x {height} pixels; a side needs at least {limits.min_side}"
        raise PictureError("picture_too_small", message)


def _too_many_pixels(limits: PictureLimits) -> PictureError:
    most = min(limits.max_pixels, MOST_PIXELS) / 1_000_000
    return PictureError("picture_too_large", f"the picture has more than {most:g} million pixels")


def _split(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return the colors of a picture at 8 bits (L, RGB or CMYK), and its alpha channel if it has one."""
    if image.mode.startswith("I"):
        return _eight_bit(image), None
    if image.mode == "LA":
        return image.getchannel("L"), image.getchannel("A")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return rgba.convert("RGB"), rgba.getchannel("A")
    if image.mode in ("L", "RGB", "CMYK"):
        return image, None
    return image.convert("L" if image.mode == "1" else "RGB"), None


def _eight_bit(image: Image.Image) -> Image.Image:
    """Round 16-bit grays to 8 bits; Pillow has already done so for 16-bit colors."""
    return Image.fromarray((np.asarray(image).astype(np.float32) * (1 / 257) + 0.5).astype(np.uint8))
