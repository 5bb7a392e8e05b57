"""TIFF palettes, CIELab, YCbCr and spare channels: read right, or refused by name."""

import numpy as np
import pytest
from numpy.typing import NDArray

from nst_engine.images.reading import read_picture
from nst_engine.spec.errors import PictureError
from tests.nst_engine.images.tiffs import (
    BITS,
    BLACK_WHITE,
    COEFFICIENTS,
    COLOR_MAP,
    COMPRESSION,
    EXTRA,
    PHOTOMETRIC,
    PLANAR,
    SAMPLES,
    SIDE,
    SUBSAMPLING,
    tiff,
)

RED, BLUE, WHITE = (200, 30, 30), (30, 30, 200), (255, 255, 255)
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, SEPARATED, YCBCR, CIELAB = 0, 1, 2, 3, 4, 5, 6, 8
UNSPECIFIED, ASSOCIATED, UNASSOCIATED = 0, 1, 2
LAB_RED, LAB_BLUE = (112, 64, 47), (66, 49, 169)
YCBCR_RED, YCBCR_BLUE = (81, 99, 213), (49, 213, 114)


def halves(left: tuple[int, ...], right: tuple[int, ...], dtype: str = "uint8") -> NDArray[np.generic]:
    pixels = np.empty((SIDE, SIDE, len(left)), dtype)
    pixels[:, : SIDE // 2], pixels[:, SIDE // 2 :] = left, right
    return pixels


def packed(pixels: NDArray[np.generic], bits: int) -> bytes:
    """Pack values of a few bits, most significant bit first."""
    rows = pixels.reshape(SIDE, -1).astype(np.uint32)
    return np.packbits(
        (rows[..., None] >> np.arange(bits)[::-1] & 1).astype(np.uint8).reshape(SIDE, -1), axis=1
    ).tobytes()


def ends(data: bytes) -> list[tuple[int, ...]]:
    picture = read_picture(data)
    return [picture.getpixel((4, 4)), picture.getpixel((SIDE - 4, 4))]  # type: ignore[misc]


def assert_close(data: bytes, *wanted: tuple[int, ...], within: int = 3) -> None:
    found = ends(data)
    assert np.abs(np.array(found) - wanted).max() <= within, found


def color_map(bits: int, *, scale: int = 257) -> list[int]:
    """Return red as color 0 and blue as color 1."""
    colors = np.zeros((3, 2**bits), int)
    colors[:, 0], colors[:, 1] = np.array(RED) * scale, np.array(BLUE) * scale
    return [int(value) for value in colors.ravel()]


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_palettes_of_every_depth_are_read(bits: int) -> None:
    tags = {BITS: bits, SAMPLES: 1, PHOTOMETRIC: PALETTE, COLOR_MAP: color_map(bits)}
    indices = halves((0,), (1,), "uint16")
    strip = indices.tobytes() if bits == 16 else packed(indices, bits)
    assert_close(tiff(strip, tags=tags), RED, BLUE, within=0)


def test_a_palette_of_eight_bit_colors_is_read() -> None:
    tags = {BITS: 8, SAMPLES: 1, PHOTOMETRIC: PALETTE, COLOR_MAP: color_map(8, scale=1)}
    assert_close(tiff(halves((0,), (1,)).tobytes(), tags=tags), RED, BLUE, within=0)


def test_a_palette_whose_bits_are_in_reverse_order_is_read() -> None:
    tags = {BITS: 4, SAMPLES: 1, PHOTOMETRIC: PALETTE, COLOR_MAP: color_map(4), 266: 2}
    reverse = bytes(int(f"{byte:08b}"[::-1], 2) for byte in packed(halves((0,), (1,)), 4))
    assert_close(tiff(reverse, tags=tags), RED, BLUE, within=0)


@pytest.mark.parametrize(
    ("photometric", "left", "right", "more"),
    [
        (PALETTE, (0,), (1,), {COLOR_MAP: color_map(8)}),
        (CIELAB, LAB_RED, LAB_BLUE, {}),
        (YCBCR, YCBCR_RED, YCBCR_BLUE, {SUBSAMPLING: (1, 1)}),
        (RGB, RED, BLUE, {}),
    ],
    ids=["palette", "CIELab", "YCbCr", "RGB"],
)
@pytest.mark.parametrize("extra", [(UNASSOCIATED,), (UNSPECIFIED, UNASSOCIATED), (UNASSOCIATED, UNSPECIFIED)])
def test_alpha_counts_in_every_place_and_beside_any_colors(
    photometric: int, left: tuple[int, ...], right: tuple[int, ...], more: dict[int, object], extra: tuple[int, ...]
) -> None:
    """The left half is transparent; a spare channel says the opposite."""
    spare = {UNSPECIFIED: (255, 0), UNASSOCIATED: (0, 255)}
    first, second = (tuple(spare[kind][at] for kind in extra) for at in (0, 1))
    pixels = halves(left + first, right + second)
    count = pixels.shape[-1]
    tags = {BITS: [8] * count, SAMPLES: count, PHOTOMETRIC: photometric, EXTRA: extra, **more}
    assert_close(tiff(pixels.tobytes(), tags=tags), WHITE, BLUE, within=15)  # of CIELab's rounding in dark blue


@pytest.mark.parametrize(
    ("photometric", "left", "right", "more"),
    [(CIELAB, LAB_RED, LAB_BLUE, {}), (YCBCR, YCBCR_RED, YCBCR_BLUE, {SUBSAMPLING: (1, 1)})],
    ids=["CIELab", "YCbCr"],
)
@pytest.mark.parametrize("planar", [1, 2])
def test_transformed_colors_are_read_in_planes_and_pixels(
    photometric: int, left: tuple[int, ...], right: tuple[int, ...], more: dict[int, object], planar: int
) -> None:
    pixels = halves(left, right)
    strips = [pixels[..., at].tobytes() for at in range(3)] if planar == 2 else [pixels.tobytes()]
    tags = {BITS: [8] * 3, SAMPLES: 3, PHOTOMETRIC: photometric, PLANAR: planar, **more}
    assert_close(tiff(*strips, tags=tags), RED, BLUE, within=15)


def ycbcr(left: tuple[int, ...], right: tuple[int, ...], bits: int = 8, **more: object) -> bytes:
    tags = {BITS: [bits] * 3, SAMPLES: 3, PHOTOMETRIC: YCBCR, SUBSAMPLING: (1, 1)} | more.pop("tags", {})  # type: ignore[operator]
    return tiff(halves(left, right, f"uint{bits}").tobytes(), tags=tags)


def test_ycbcr_is_converted_by_the_coefficients_and_the_range_that_the_file_names() -> None:
    rec_709 = {COEFFICIENTS: (2125, 7154, 721)}
    assert_close(ycbcr((66, 109, 213), (42, 213, 121), tags=rec_709), RED, BLUE)
    video = {BLACK_WHITE: [code * 10_000 for code in (16, 235, 128, 240, 128, 240)]}
    assert_close(ycbcr((16, 128, 128), (235, 128, 128), tags=video), (0, 0, 0), WHITE)


def test_sixteen_bit_ycbcr_is_read() -> None:
    left, right = (tuple(code * 257 for code in color) for color in (YCBCR_RED, YCBCR_BLUE))
    assert_close(ycbcr(left, right, bits=16), RED, BLUE)


@pytest.mark.parametrize("bits", [1, 2, 4, 5, 6, 12])
@pytest.mark.parametrize("photometric", [RGB, BLACK_IS_ZERO])
def test_gray_and_rgb_of_any_depth_are_read(bits: int, photometric: int) -> None:
    count, most = (3 if photometric == RGB else 1), 2**bits - 1
    data = packed(halves((0,) * count, (most,) * count, "uint16"), bits)
    tags = {BITS: [bits] * count, SAMPLES: count, PHOTOMETRIC: photometric}
    assert_close(tiff(data, tags=tags), (0, 0, 0), WHITE, within=0)


@pytest.mark.parametrize(
    ("tags", "named"),
    [
        ({BITS: (5, 6, 5), SAMPLES: 3, PHOTOMETRIC: RGB}, "channels of 5, 6, 5 bits"),
        ({BITS: [8] * 3, SAMPLES: 3, PHOTOMETRIC: SEPARATED}, "separations in other inks than CMYK"),
        ({BITS: [16] * 3, SAMPLES: 3, PHOTOMETRIC: CIELAB}, "16-bit CIELab"),
        ({BITS: [8] * 4, SAMPLES: 4, PHOTOMETRIC: CIELAB, EXTRA: ASSOCIATED}, "CIELab pictures whose colors are mult"),
        ({BITS: [8] * 3, SAMPLES: 3, PHOTOMETRIC: CIELAB, COMPRESSION: 50001}, "CIELab pictures with WEBP compression"),
        ({BITS: [8] * 3, SAMPLES: 3, PHOTOMETRIC: YCBCR, SUBSAMPLING: (2, 2)}, "YCbCr pictures with subsampled colors"),
        ({BITS: [8] * 3, SAMPLES: 3, PHOTOMETRIC: YCBCR, COMPRESSION: 34712}, "YCbCr pictures with JPEG2000"),
        ({BITS: [8] * 3, SAMPLES: 3, PHOTOMETRIC: RGB, COMPRESSION: 40000}, "pictures with 40000 compression"),
        ({BITS: 8, SAMPLES: 1, PHOTOMETRIC: 51177}, "depth maps"),
        ({BITS: 1, SAMPLES: 1, PHOTOMETRIC: MASK}, "masks"),
    ],
)
def test_a_layout_that_is_not_read_is_named(tags: dict[int, int], named: str) -> None:
    with pytest.raises(PictureError, match=f"{named}.* cannot be read; use 8 or 16 bits") as caught:
        read_picture(tiff(bytes(SIDE * SIDE * 8), tags=tags))
    assert caught.value.code == "picture_unsupported"
