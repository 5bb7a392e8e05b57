"""TIFF: which page is the picture, and the layouts that Pillow reads wrongly or not at all, read with tifffile.

Pillow reads JPEG in TIFF, faxes and subsampled YCbCr; tifffile reads the rest: more bits, separate planes,
white-is-zero, palettes, CIELab, and channels of transparency beside any of them.
"""

import io
import math
from collections.abc import Callable

import numpy as np
from PIL import Image, UnidentifiedImageError
from tifffile import COMPRESSION, PHOTOMETRIC, TiffFile, TiffPage

from nst_engine.images import exif
from nst_engine.images.decoded import Decoded
from nst_engine.images.tiff_colors import SAMPLES, TRANSFORMED, Samples, eight_bit, most, to_colors
from nst_engine.images.tiff_refusals import (
    ASSOCIATED,
    JPEGS,
    is_subsampled,
    layout,
    refuse_compression,
    refuse_unreadable,
    unsupported,
)
from nst_engine.images.unreadable import END_OF_JPEG, cut_short, several_pictures
from nst_engine.spec.errors import PictureError

PAGE = 2  # a bit of NewSubfileType; each other one says that the page belongs to another: smaller, a mask, a depth map
OLD_REDUCED = 2  # of SubfileType
UNASSOCIATED = 2  # of ExtraSamples
MOST_PAGES = 1000
EXIF_THUMBNAIL = (160, 120)  # of photos of any shape, with black bars
ICC_PROFILE = 34675
FAXES = (COMPRESSION.CCITTRLE, COMPRESSION.CCITTFAX3, COMPRESSION.CCITTFAX4, COMPRESSION.CCIRLEW)
GRAYS = (PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK)

Check = Callable[[int, int], None]


def read(data: bytes, check: Check) -> Decoded:
    """Decode the picture of a TIFF file; `check(width, height)` comes before its pixels.

    Raises PictureError, and DECODER_ERRORS for a damaged file.
    """
    with TiffFile(io.BytesIO(data)) as file:
        index, page = _picture(file)
        check(page.imagewidth, page.imagelength)
        refuse_unreadable(page)
        if _is_for_pillow(page):
            return _by_pillow(data, index, page)
        refuse_compression(page)
        _refuse_truncated(page, len(data))
        tags = exif.of_tiff(data, offset=page.offset, endian=file.byteorder, is_big=file.is_bigtiff)
        return _by_tifffile(page, tags)


def _picture(file: TiffFile) -> tuple[int, TiffPage]:
    """Return the one page that is a picture, not a thumbnail, mask or depth map of another."""
    found: tuple[int, TiffPage] | None = None
    for index, page in enumerate(file.pages):
        assert isinstance(page, TiffPage)
        kind, old = int(page.subfiletype), page.tags.valueof("SubfileType", default=0)
        is_marked = kind & ~PAGE or old == OLD_REDUCED or page.photometric == PHOTOMETRIC.MASK
        if index < MOST_PAGES and (is_marked or (found and _is_thumbnail(page, found[1]))):
            continue
        if index >= MOST_PAGES or (found and not _is_thumbnail(found[1], page)):
            raise several_pictures()
        found = index, page
    if found is None and file.pages.first.subifds:  # its picture, if it is one, is in a directory of its own
        raise unsupported("raw camera pictures")
    return found or (0, file.pages.first)


def _is_thumbnail(page: TiffPage, photo: TiffPage) -> bool:
    """Tell whether a page that nothing marks has at most a quarter of the photo's sides, and its shape or EXIF's."""
    size, longest = (page.imagewidth, page.imagelength), max(photo.imagewidth, photo.imagelength)
    distortion = abs(size[0] * photo.imagelength - size[1] * photo.imagewidth)  # at most a pixel's
    return 4 * max(size) <= longest and (distortion <= longest or size == EXIF_THUMBNAIL)


def _is_for_pillow(page: TiffPage) -> bool:
    if page.photometric == PHOTOMETRIC.YCBCR:
        return page.compression in JPEGS or is_subsampled(page)
    is_packed = page.photometric in GRAYS and page.bitspersample in (1, 2, 4)
    return not page.extrasamples and (is_packed or page.compression in (*JPEGS, *FAXES))


def _by_pillow(data: bytes, index: int, page: TiffPage) -> Decoded:
    try:
        # A JPEG may lack its end marker.
        image = Image.open(io.BytesIO(data + END_OF_JPEG), formats=("TIFF",))
        image.seek(index)
    except (UnidentifiedImageError, SyntaxError):  # tifffile found it whole
        raise unsupported(layout(page)) from None
    with image:
        space, profile = exif.color_space(exif.of_image(image)), image.info.get("icc_profile")
        try:
            image.load()  # turns the picture by an orientation of the usual type, and takes the tag away
        except OSError:
            _refuse_truncated(page, len(data))
            raise
        turn = exif.orientation(exif.of_image(image))
        mode = image.mode if image.mode in ("L", "RGB", "CMYK", "LAB") else "RGB"
        return Decoded(image=image.convert(mode), profile=profile, space=space, orientation=turn)


def _refuse_truncated(page: TiffPage, size: int) -> None:
    """tifffile fills segments that are missing with zeros."""
    pairs = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    if len(pairs) < math.prod(page.chunked) or any(offset + count > size for offset, count in pairs):
        raise cut_short()


def _by_tifffile(page: TiffPage, tags: Image.Exif) -> Decoded:
    samples = _samples(page)  # (H, W, S)
    count, mode = SAMPLES[PHOTOMETRIC(page.photometric)]
    if samples.shape[-1] < count:
        raise PictureError("picture_damaged", "the TIFF file has fewer channels than its colors need")
    colors, alpha = to_colors(samples[..., :count], page), None
    kinds = page.extrasamples[: samples.shape[-1] - count]
    at = next((at for at, kind in enumerate(kinds) if kind in (ASSOCIATED, UNASSOCIATED)), None)
    if at is not None:
        alpha = samples[..., count + at].clip(0)
        if kinds[at] == ASSOCIATED:
            colors = _unassociated(colors, alpha, most(page))
    pixels = eight_bit(colors, 255 if page.photometric in TRANSFORMED else most(page))
    return Decoded(
        image=Image.fromarray(pixels.squeeze(-1) if mode == "L" else pixels, mode),
        alpha=None if alpha is None else Image.fromarray(eight_bit(alpha, most(page))),
        profile=page.tags.valueof(ICC_PROFILE),
        space=exif.color_space(tags),
        orientation=exif.orientation(tags),
    )


def _samples(page: TiffPage) -> Samples:
    """Return the page as (H, W, S)."""
    pixels = np.asarray(page.asarray(maxworkers=1))
    if pixels.dtype == bool:
        pixels = pixels.view(np.uint8)
    pixels = pixels.reshape(tuple(n for n, axis in zip(pixels.shape, page.axes, strict=True) if axis in "SYX"))
    axes = [axis for axis in page.axes if axis in "SYX"]
    if "S" not in axes:
        return pixels[..., None]
    return np.moveaxis(pixels, axes.index("S"), -1)


def _unassociated(colors: Samples, alpha: Samples, most: int) -> Samples:
    """Undo the multiplication of colors by alpha."""
    factor = most / np.maximum(alpha, 1)[..., None]
    return (colors * factor).clip(0, most)
