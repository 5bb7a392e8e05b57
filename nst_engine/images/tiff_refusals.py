"""TIFF layouts that are not read: each is named, with what to send in its place."""

from collections.abc import Mapping

from tifffile import COMPRESSION, PHOTOMETRIC, TIFF, TiffPage

from nst_engine.images.tiff_colors import SAMPLES, TRANSFORMED
from nst_engine.spec.errors import PictureError

ASSOCIATED = 1  # of ExtraSamples: colors are multiplied by alpha
FLOAT, VOID = 3, 4  # of SampleFormat
SEPARATE = 2  # of PlanarConfiguration
CMYK = 1  # of InkSet
JPEGS = (COMPRESSION.JPEG, COMPRESSION.OJPEG)
# Photometric interpretations that neither reader turns into colors.
NAMES: Mapping[int, str] = {
    PHOTOMETRIC.CFA: "raw camera pictures",
    PHOTOMETRIC.LINEAR_RAW: "raw camera pictures",
    PHOTOMETRIC.MASK: "masks",
    PHOTOMETRIC.DEPTH_MAP: "depth maps",
    PHOTOMETRIC.LOGL: "LogL pictures",
    PHOTOMETRIC.LOGLUV: "LogLuv pictures",
    PHOTOMETRIC.ICCLAB: "ICCLab pictures",
    PHOTOMETRIC.ITULAB: "ITULab pictures",
}


def refuse_unreadable(page: TiffPage) -> None:
    """Raise PictureError for a layout that would be read wrongly or not at all."""
    name = NAMES.get(page.photometric) or _numbers(page) or _transformed(page)
    if name is None and page.photometric == PHOTOMETRIC.SEPARATED:
        inks = page.samplesperpixel - len(page.extrasamples)
        if inks < 4 or page.tags.valueof("InkSet", default=CMYK) != CMYK:
            name = "separations in other inks than CMYK"
    if name is None and page.photometric not in SAMPLES:
        name = f"pictures of photometric interpretation {_label(page.photometric)}"
    if name is not None:
        raise unsupported(name)


def refuse_compression(page: TiffPage) -> None:
    """Raise PictureError for a compression that tifffile does not know."""
    if page.compression != COMPRESSION.NONE and page.compression not in TIFF.DECOMPRESSORS:
        raise unsupported(f"pictures with {_label(page.compression)} compression")


def unsupported(name: str) -> PictureError:
    """Return the error that says what cannot be read, in the plural."""
    return PictureError("picture_unsupported", f"{name} cannot be read; use 8 or 16 bits of gray, RGB or CMYK")


def layout(page: TiffPage) -> str:
    """Return a name for pictures like that of a page."""
    kind = TRANSFORMED.get(page.photometric) or _label(page.photometric)
    return f"{page.bitspersample}-bit {kind} TIFF pictures with {_label(page.compression)} compression"


def is_subsampled(page: TiffPage) -> bool:
    """Tell whether YCbCr has fewer samples of color than of brightness."""
    return tuple(page.tags.valueof("YCbCrSubSampling", default=(2, 2))) != (1, 1)


def _numbers(page: TiffPage) -> str | None:
    bits: int | tuple[int, ...] = page.bitspersample
    if isinstance(bits, tuple):
        return f"pictures with channels of {', '.join(str(count) for count in bits)} bits"
    if page.sampleformat == FLOAT:
        return "floating-point pictures"
    if page.sampleformat not in (1, 2, VOID) or bits > 16:
        return f"{bits}-bit pictures"
    return None


def _transformed(page: TiffPage) -> str | None:
    kind = TRANSFORMED.get(page.photometric)
    if kind is None or (page.photometric == PHOTOMETRIC.YCBCR and page.compression in JPEGS):
        return None
    if page.compression in TIFF.IMAGE_COMPRESSIONS:
        return f"{kind} pictures with {_label(page.compression)} compression"
    if ASSOCIATED in page.extrasamples:
        return f"{kind} pictures whose colors are multiplied by alpha"
    if page.photometric == PHOTOMETRIC.CIELAB and page.bitspersample != 8:
        return f"{page.bitspersample}-bit CIELab pictures"
    if page.photometric != PHOTOMETRIC.YCBCR:
        return None
    if page.bitspersample not in (8, 16):
        return f"{page.bitspersample}-bit YCbCr pictures"
    if not is_subsampled(page):
        return None
    is_plain = page.bitspersample == 8 and not page.extrasamples and page.planarconfig != SEPARATE
    return None if is_plain and page.compression != COMPRESSION.NONE else "YCbCr pictures with subsampled colors"


def _label(value: int) -> str:
    return str(getattr(value, "name", value))
