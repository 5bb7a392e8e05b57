"""PNG: color keys of every depth, large profiles and texts, and color spaces named without a profile."""

import struct
import zlib
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageCms

from nst_engine.images.reading import read_picture
from nst_engine.spec.errors import PictureError
from tests.nst_engine.images.profiles import gray_profile, rgb_profile

SIDE = 16
WHITE = (255, 255, 255)


def chunk(kind: bytes, data: bytes, checksum: int | None = None) -> bytes:
    checksum = zlib.crc32(kind + data) if checksum is None else checksum
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


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


FILM, BT2020, CIE_XYZ, DISPLAY_P3 = 8, 9, 10, 12
LINEAR, LOGARITHM, LONG_LOGARITHM, XVYCC, SRGB_TRANSFER, PQ, CINEMA = 8, 9, 10, 11, 13, 16, 17


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
        # By the matrices of Bruce Lindbloom: Bradford from illuminants C and E to D65, and from XYZ to sRGB.
        ((cicp(FILM, SRGB_TRANSFER),), (150, 120, 100), (159, 119, 97)),
        ((cicp(CIE_XYZ, CINEMA),), (150, 140, 120), (171, 118, 106)),
        ((cicp(CIE_XYZ, CINEMA),), (200, 200, 200), (200, 200, 200)),
        ((cicp(1, LOGARITHM),), (128, 128, 128), (89, 89, 89)),
        ((cicp(1, LONG_LOGARITHM),), (128, 128, 128), (67, 67, 67)),
        ((cicp(1, LOGARITHM),), (0, 0, 0), (0, 0, 0)),
        ((cicp(BT2020, XVYCC),), (128, 128, 128), (128, 128, 128)),
        ((cicp(2, 2),), (200, 30, 30), (200, 30, 30)),
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


LINEAR_RED = (229, 96, 96)  # (200, 30, 30) in linear light, as sRGB


@pytest.mark.parametrize("unusable", [(2, 2, 0, 1), (1, 19, 0, 1), (3, 3, 0, 1), (1, 13, 5, 1), (1, 13, 0)])
@pytest.mark.parametrize("told", [profile_chunk(rgb_profile(gamma=1.0)), gama(1.0)], ids=["iCCP", "gAMA"])
def test_a_cicp_that_says_nothing_leaves_the_word_to_the_next_chunk(
    unusable: tuple[int, ...], told: tuple[bytes, bytes]
) -> None:
    found = rgb((200, 30, 30), (b"cICP", bytes(unusable)), told)
    assert np.abs(np.array(found) - LINEAR_RED).max() <= 2


@pytest.mark.parametrize(("primaries", "transfer"), [(3, 13), (23, 13), (1, 3), (1, 19)])
def test_a_color_space_that_the_standard_reserves_is_named(primaries: int, transfer: int) -> None:
    with pytest.raises(PictureError, match=f"CICP primaries {primaries} and transfer {transfer} cannot be read; use"):
        rgb((200, 30, 30), cicp(primaries, transfer))


@pytest.mark.parametrize("profile", [b"name\0\0not deflated", profile_chunk(b"no profile" * 20)[1]])
def test_a_damaged_profile_leaves_the_word_to_the_next_chunk(profile: bytes) -> None:
    assert np.abs(np.array(rgb((200, 30, 30), (b"iCCP", profile), gama(1.0))) - LINEAR_RED).max() <= 2


def test_the_levels_of_video_are_stretched() -> None:
    narrow = b"cICP", bytes((1, SRGB_TRANSFER, 0, 0))
    assert [rgb((level,) * 3, narrow)[0] for level in (0, 16, 126, 235, 255)] == [0, 0, 128, 255, 255]


def adobe_exif(*, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif.get_ifd(0x8769)[0xA001] = 2
    return exif.tobytes()


@pytest.mark.parametrize(
    "told", [(b"sRGB", b"\0"), gama(0.45455), cicp(1, SRGB_TRANSFER)], ids=["sRGB", "gAMA", "cICP"]
)
def test_chunks_that_say_srgb_come_before_exif(told: tuple[bytes, bytes]) -> None:
    exif = b"eXIf", adobe_exif()[6:]
    assert rgb((180, 60, 60), exif, told) == (180, 60, 60)
    assert np.abs(np.array(rgb((180, 60, 60), exif)) - (208, 57, 59)).max() <= 2


@pytest.mark.parametrize(
    "damaged",
    [
        (b"gAMA", b"\0\1"),
        (b"gAMA", struct.pack(">I", 100_000), 5),
        (b"cHRM", b"abc"),
        (b"sRGB", b""),
        (b"pHYs", b"abc"),
        (b"tIME", b"\7\xe0\1\1\1\1\1", 5),
        (b"acTL", b"\0"),
        (b"acTL", struct.pack(">II", 1, 0)),
        (b"fcTL", bytes(26)),
        (b"eXIf", b"junk"),
        (b"eXIf", adobe_exif()[6:], 5),
        (b"tRNS", struct.pack(">3H", 200, 30, 30), 5),
    ],
)
@pytest.mark.parametrize("is_before", [True, False])
def test_a_damaged_chunk_that_is_not_needed_is_passed_over(damaged: tuple[bytes, ...], is_before: bool) -> None:
    whole = png(8, 2, bytes((200, 30, 30)) * SIDE)
    at = whole.index(b"IDAT" if is_before else b"IEND") - 4
    data = whole[:at] + chunk(*damaged) + whole[at:]  # type: ignore[arg-type]
    assert ends(data) == [(200, 30, 30)] * 2


def test_a_chunk_of_color_behind_the_pixels_is_passed_over() -> None:
    whole = png(8, 2, bytes((200, 30, 30)) * SIDE)
    assert ends(whole[:-12] + chunk(*gama(1.0)) + whole[-12:])[0] == (200, 30, 30)


def raw_profile(name: str, data: bytes) -> tuple[bytes, bytes]:
    text = f"\n{name}\n{len(data):8}\n{data.hex()}\n".encode()
    return b"zTXt", f"Raw profile type {name}".encode() + b"\0\0" + zlib.compress(text)


@pytest.mark.parametrize("name", ["exif", "APP1"])
def test_exif_that_is_written_as_text_is_heeded(name: str) -> None:
    row = bytes((200, 30, 30)) * (SIDE // 2) + bytes((30, 30, 200)) * (SIDE // 2)
    picture = read_picture(png(8, 2, row, raw_profile(name, adobe_exif(orientation=3)), gama(0.45455)))
    assert picture.getpixel((0, 0)) == (30, 30, 200)


def test_a_profile_that_is_written_as_text_is_used() -> None:
    found = rgb((200, 30, 30), raw_profile("icc", rgb_profile(gamma=1.0)))
    assert np.abs(np.array(found) - LINEAR_RED).max() <= 2
