"""PNG: color keys of every depth, large profiles and texts, and color spaces named without a profile."""

import struct
import zlib
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import ImageCms

from nst_engine.images.reading import read_picture
from nst_engine.spec.errors import PictureError
from tests.nst_engine.images.profiles import gray_profile

SIDE = 16
WHITE = (255, 255, 255)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(depth: int, color_type: int, row: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """Write a PNG of SIDE equal rows."""
    header = struct.pack(">IIBBBBB", SIDE, SIDE, depth, color_type, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress((b"\0" + row) * SIDE)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def rgb(color: Sequence[int], *chunks: tuple[bytes, bytes]) -> tuple[int, ...]:
    """Return what one color becomes."""
    found = read_picture(png(8, 2, bytes(color) * SIDE, *chunks)).getpixel((3, 3))
    assert isinstance(found, tuple)
    return found


def ends(data: bytes) -> list[object]:
    picture = read_picture(data)
    return [picture.getpixel((0, 0)), picture.getpixel((SIDE - 1, 0))]


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_gray_key_of_few_bits_hides_its_value_alone(depth: int) -> None:
    """The left half is 0, the key, and the right half the largest value."""
    half = SIDE * depth // 16
    row = b"\0" * half + b"\xff" * half
    assert ends(png(depth, 0, row, (b"tRNS", b"\0\0"))) == [WHITE, WHITE]
    most = 2**depth - 1
    assert ends(png(depth, 0, row, (b"tRNS", struct.pack(">H", most)))) == [(0, 0, 0), WHITE]
    if depth > 1:
        assert ends(png(depth, 0, b"\x55" * 2 * half, (b"tRNS", struct.pack(">H", most)))) != [WHITE, WHITE]


def test_a_sixteen_bit_gray_key_is_compared_in_both_bytes() -> None:
    row = struct.pack(">H", 0x6400) * (SIDE // 2) + struct.pack(">H", 0x6401) * (SIDE // 2)
    assert ends(png(16, 0, row, (b"tRNS", struct.pack(">H", 0x6400)))) == [WHITE, (100, 100, 100)]


def test_a_sixteen_bit_color_key_is_compared_in_both_bytes() -> None:
    row = struct.pack(">3H", 0x6400, 1, 2) * (SIDE // 2) + struct.pack(">3H", 0x6401, 1, 2) * (SIDE // 2)
    assert ends(png(16, 2, row, (b"tRNS", struct.pack(">3H", 0x6400, 1, 2)))) == [WHITE, (100, 0, 0)]


def test_an_eight_bit_color_key_hides_that_color() -> None:
    row = bytes((10, 20, 30)) * (SIDE // 2) + bytes((10, 20, 31)) * (SIDE // 2)
    assert ends(png(8, 2, row, (b"tRNS", struct.pack(">3H", 10, 20, 30)))) == [WHITE, (10, 20, 31)]


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt"])
def test_a_text_of_any_size_is_left_out(kind: bytes) -> None:
    packed = zlib.compress(b"a" * 3_000_000)
    data = b"Comment\0" + (b"\0" if kind == b"zTXt" else b"\1\0\0\0") + packed
    assert rgb((200, 30, 30), (kind, data)) == (200, 30, 30)


def profile_chunk(profile: bytes) -> tuple[bytes, bytes]:
    return b"iCCP", b"name\0\0" + zlib.compress(profile)


def test_a_profile_of_more_than_a_mebibyte_is_used() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swollen = struct.pack(">I", len(profile) + 2_000_000) + profile[4:] + b"\0" * 2_000_000
    assert np.abs(np.array(rgb((200, 30, 30), profile_chunk(swollen))) - (200, 30, 30)).max() <= 1


def test_a_profile_over_the_limit_is_named_in_the_message() -> None:
    with pytest.raises(PictureError, match="color profile of the picture is larger than 8 MiB"):
        rgb((200, 30, 30), profile_chunk(b"\0" * (9 * 1024**2)))


def test_a_damaged_profile_is_ignored() -> None:
    assert rgb((200, 30, 30), (b"iCCP", b"name\0\0not deflated")) == (200, 30, 30)


@pytest.mark.parametrize(
    ("depth", "color_type", "row", "extra"),
    [
        (8, 0, b"\x80" * SIDE, ()),
        (8, 4, b"\x80\xff" * SIDE, ()),
        (8, 0, b"\x80" * SIDE, ((b"tRNS", b"\0\7"),)),
        (8, 3, b"\0" * SIDE, ((b"PLTE", b"\x80\x80\x80"),)),
    ],
    ids=["gray", "gray and alpha", "gray with a key", "palette"],
)
def test_a_gray_profile_is_used_with_transparency_and_palettes(
    depth: int, color_type: int, row: bytes, extra: tuple[tuple[bytes, bytes], ...]
) -> None:
    """A linear 0.5 is 188 in sRGB."""
    data = png(depth, color_type, row, profile_chunk(gray_profile(gamma=1.0)), *extra)
    found = read_picture(data).getpixel((3, 3))
    assert np.abs(np.array(found) - 188).max() <= 1


DISPLAY_P3, BT2020, SRGB_TRANSFER, LINEAR, PQ = 12, 9, 13, 8, 16


def cicp(primaries: int, transfer: int) -> tuple[bytes, bytes]:
    return b"cICP", bytes((primaries, transfer, 0, 1))


def gama(value: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(value * 100_000))


def chrm(*values: float) -> tuple[bytes, bytes]:
    return b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in values))


ADOBE = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)


@pytest.mark.parametrize(
    ("chunks", "color", "wanted"),
    [
        # Display P3 as sRGB, from the CSS Color 4 sample: color(display-p3 0.8 0.2 0.2).
        ((cicp(DISPLAY_P3, SRGB_TRANSFER),), (204, 51, 51), (221, 24, 42)),
        ((cicp(1, SRGB_TRANSFER),), (200, 30, 30), (200, 30, 30)),
        ((cicp(1, LINEAR),), (128, 128, 128), (188, 188, 188)),
        ((cicp(BT2020, SRGB_TRANSFER),), (128, 128, 128), (128, 128, 128)),
        ((cicp(BT2020, PQ),), (148, 148, 148), (255, 255, 255)),  # 203 cd/m², diffuse white
        ((gama(1.0),), (128, 128, 128), (188, 188, 188)),
        ((gama(0.45455),), (60, 128, 200), (60, 128, 200)),
        ((gama(0.45455), chrm(*SRGB)), (200, 30, 30), (200, 30, 30)),
        # Linear Adobe RGB to sRGB: R' = 1.3983 R - 0.3983 G, G' = G, B' = 1.0429 B - 0.0429 G.
        ((gama(0.45455), chrm(*ADOBE)), (150, 200, 50), (123, 200, 23)),
        ((gama(1.0), (b"sRGB", b"\0")), (128, 128, 128), (128, 128, 128)),
        ((gama(0.45455), chrm(0.3127, 0, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)), (200, 30, 30), (200, 30, 30)),
    ],
)
def test_a_named_color_space_is_converted(
    chunks: tuple[tuple[bytes, bytes], ...], color: tuple[int, ...], wanted: tuple[int, ...]
) -> None:
    assert np.abs(np.array(rgb(color, *chunks)) - wanted).max() <= 2


def test_cicp_comes_before_a_profile() -> None:
    linear = profile_chunk(gray_profile(gamma=1.0))
    assert rgb((128, 128, 128), linear, cicp(1, SRGB_TRANSFER)) == (128, 128, 128)
