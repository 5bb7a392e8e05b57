"""TIFF samples as colors of 8 bits: gray, RGB, CMYK, CIELab, YCbCr and palettes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tifffile import PHOTOMETRIC, TiffPage

Samples = NDArray[Any]
Bytes = NDArray[np.uint8]

# How many samples a pixel's color has, and the mode of the picture that they become.
SAMPLES = {
    PHOTOMETRIC.MINISWHITE: (1, "L"),
    PHOTOMETRIC.MINISBLACK: (1, "L"),
    PHOTOMETRIC.RGB: (3, "RGB"),
    PHOTOMETRIC.PALETTE: (1, "RGB"),
    PHOTOMETRIC.SEPARATED: (4, "CMYK"),
    PHOTOMETRIC.YCBCR: (3, "RGB"),
    PHOTOMETRIC.CIELAB: (3, "LAB"),
}
TRANSFORMED: Mapping[int, str] = {
    PHOTOMETRIC.CIELAB: "CIELab",
    PHOTOMETRIC.YCBCR: "YCbCr",
    PHOTOMETRIC.PALETTE: "palette",
}
SIGNED = 2  # of SampleFormat
STRIP_ROWS = 256  # converted at a time, so that a large picture needs no second copy in floating point
REC_601 = (0.299, 0.587, 0.114)


def most(page: TiffPage) -> int:
    """Return the value of full intensity."""
    return int(2 ** (page.bitspersample - (page.sampleformat == SIGNED)) - 1)


def to_colors(samples: Samples, page: TiffPage) -> Samples:
    """Return samples (H, W, S) as colors of the page's range; those in TRANSFORMED are of 8 bits."""
    if page.photometric == PHOTOMETRIC.PALETTE:
        return _of_palette(samples[..., 0], page)
    if page.photometric == PHOTOMETRIC.CIELAB:
        return samples.view(np.uint8)
    if page.photometric == PHOTOMETRIC.YCBCR:
        return _of_ycbcr(samples, page)
    colors = samples.clip(0) if samples.dtype.kind == "i" else samples
    return most(page) - colors if page.photometric == PHOTOMETRIC.MINISWHITE else colors


def eight_bit(values: Samples, most: int) -> Bytes:
    """Scale values of 0 to `most` to 0 to 255."""
    if most == 255 and values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    return (values.astype(np.float32) * (255 / most) + 0.5).clip(0, 255).astype(np.uint8)


def _of_palette(indices: Samples, page: TiffPage) -> Bytes:
    colors = np.asarray(page.tags.valueof("ColorMap")).reshape(3, -1).T
    if colors.max() >= 256:  # old writers give 8 bits in place of 16
        colors = colors >> 8
    if indices.dtype.kind == "i":
        indices = indices.view(f"u{indices.itemsize}")
    found: Bytes = colors.astype(np.uint8)[indices]
    return found


def _of_ycbcr(samples: Samples, page: TiffPage) -> Bytes:
    """Convert by the coefficients and the range of codes that the page names (TIFF 6.0, section 21)."""
    red, green, blue = _ratios(page, "YCbCrCoefficients", REC_601)
    top, middle = 2**page.bitspersample - 1, 2 ** (page.bitspersample - 1)
    codes = _ratios(page, "ReferenceBlackWhite", (0, top, middle, top, middle, top))
    scales = [
        span / (white - black) for span, black, white in zip((255, 127, 127), codes[::2], codes[1::2], strict=True)
    ]
    matrix = np.array(
        [
            [1, 0, 2 - 2 * red],
            [1, -blue * (2 - 2 * blue) / green, -red * (2 - 2 * red) / green],
            [1, 2 - 2 * blue, 0],
        ]
    )
    converted = np.empty(samples.shape, np.uint8)
    for row in range(0, len(samples), STRIP_ROWS):
        strip = (samples[row : row + STRIP_ROWS].astype(np.float32) - codes[::2]) * scales
        converted[row : row + STRIP_ROWS] = (strip @ matrix.T + 0.5).clip(0, 255)
    return converted


def _ratios(page: TiffPage, name: str, default: tuple[float, ...]) -> tuple[float, ...]:
    """Return a tag's rational numbers; tifffile gives numerators and denominators in turn."""
    values = page.tags.valueof(name)
    if not isinstance(values, tuple):
        return default
    if len(values) == 2 * len(default):
        values = tuple(above / below for above, below in zip(values[::2], values[1::2], strict=True))
    return values if len(values) == len(default) else default
