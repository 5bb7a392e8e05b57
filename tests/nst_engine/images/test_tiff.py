"""TIFF layouts: each is read right, or refused by name."""

import contextlib
import io
import struct
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from nst_engine.images.reading import PictureLimits, read_picture
from nst_engine.spec.errors import PictureError

LEFT, RIGHT = (200, 30, 30), (30, 30, 200)
SIDE = 64


def halves(left: Any = LEFT, right: Any = RIGHT, *, dtype: str = "uint8", scale: float = 1) -> NDArray[Any]:
    """Return (H, W, C) with one color on the left and another on the right."""
    pixels = np.empty((SIDE, SIDE, len(left)), dtype)
    pixels[:, : SIDE // 2] = np.array(left) * scale
    pixels[:, SIDE // 2 :] = np.array(right) * scale
    return pixels


def saved(*pages: NDArray[Any], **options: Any) -> bytes:
    file = io.BytesIO()
    with tifffile.TiffWriter(
        file, byteorder=options.pop("byteorder", "<"), bigtiff=options.pop("bigtiff", False)
    ) as tiff:
        for page in pages:
            tiff.write(page, metadata=None, **options)
    return file.getvalue()


def colors(data: bytes) -> list[tuple[int, ...]]:
    picture = read_picture(data)
    return [picture.getpixel((8, 8)), picture.getpixel((56, 8))]  # type: ignore[misc]


def assert_close(found: list[tuple[int, ...]], *wanted: tuple[int, ...], within: int = 2) -> None:
    assert np.abs(np.array(found) - np.array(wanted)).max() <= within, found


def refusal(data: bytes) -> PictureError:
    with pytest.raises(PictureError) as caught:
        read_picture(data)
    return caught.value


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "packbits"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize(("dtype", "scale"), [("uint8", 1), ("uint16", 257)])
def test_rgb_is_read_in_every_layout(
    compression: str | None, planar: str, byteorder: str, dtype: str, scale: int
) -> None:
    pixels = halves(dtype=dtype, scale=scale)
    if planar == "separate":
        pixels = np.moveaxis(pixels, -1, 0)
    data = saved(pixels, photometric="rgb", planarconfig=planar, compression=compression, byteorder=byteorder)
    assert_close(colors(data), LEFT, RIGHT)


@pytest.mark.parametrize(
    "options", [{"tile": (16, 16)}, {"rowsperstrip": 5}, {"predictor": True, "compression": "zlib"}]
)
def test_rgb_is_read_from_tiles_strips_and_differences(options: dict[str, Any]) -> None:
    assert_close(colors(saved(halves(dtype="uint16", scale=257), photometric="rgb", **options)), LEFT, RIGHT)


def test_a_big_tiff_is_read() -> None:
    assert_close(colors(saved(halves(), photometric="rgb", bigtiff=True)), LEFT, RIGHT)


@pytest.mark.parametrize(("dtype", "scale"), [("uint8", 1), ("uint16", 257)])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_white_is_zero_is_turned_around(dtype: str, scale: int, byteorder: str) -> None:
    pixels = halves((191,), (55,), dtype=dtype, scale=scale)[..., 0]
    data = saved(pixels, photometric="miniswhite", byteorder=byteorder)
    assert_close(colors(data), (64, 64, 64), (200, 200, 200))


def test_signed_values_have_their_full_range_and_no_negative_ones() -> None:
    pixels = halves((32767,), (-5000,), dtype="int16")[..., 0]
    assert colors(saved(pixels, photometric="minisblack")) == [(255, 255, 255), (0, 0, 0)]


@pytest.mark.parametrize(("dtype", "most"), [("uint8", 255), ("uint16", 65535)])
@pytest.mark.parametrize(("photometric", "color"), [("minisblack", (100,)), ("rgb", (100, 40, 200))])
def test_unassociated_alpha_lies_on_white(dtype: str, most: int, photometric: str, color: tuple[int, ...]) -> None:
    pixels = halves((*color, 0), (*color, 255), dtype=dtype, scale=most / 255)
    data = saved(pixels, photometric=photometric, extrasamples=["unassalpha"])
    assert_close(colors(data), (255, 255, 255), color * (3 // len(color)))


@pytest.mark.parametrize(("dtype", "most"), [("uint8", 255), ("uint16", 65535)])
@pytest.mark.parametrize(("photometric", "color"), [("minisblack", (50,)), ("rgb", (50, 20, 100))])
def test_associated_alpha_is_divided_out(dtype: str, most: int, photometric: str, color: tuple[int, ...]) -> None:
    """The colors of the file are multiplied by an alpha of one half."""
    pixels = halves((*color, 128), (*color, 128), dtype=dtype, scale=most / 255)
    data = saved(pixels, photometric=photometric, extrasamples=["assocalpha"])
    wanted = tuple(value + 127 for value in color) * (3 // len(color))
    assert_close(colors(data), wanted, wanted)


def test_unspecified_extra_channels_are_ignored() -> None:
    data = saved(halves((*LEFT, 0), (*RIGHT, 0)), photometric="rgb", extrasamples=["unspecified"])
    assert_close(colors(data), LEFT, RIGHT)


@pytest.mark.parametrize(("dtype", "most"), [("uint8", 255), ("uint16", 65535)])
def test_cmyk_is_read_with_and_without_alpha(dtype: str, most: int) -> None:
    ink, paper = (0, 255, 255, 0), (0, 0, 0, 0)
    plain = saved(halves(ink, paper, dtype=dtype, scale=most / 255), photometric="separated")
    assert_close(colors(plain), (255, 0, 0), (255, 255, 255))
    pixels = halves((*ink, 0), (*ink, 255), dtype=dtype, scale=most / 255)
    with_alpha = saved(pixels, photometric="separated", extrasamples=["unassalpha"])
    assert_close(colors(with_alpha), (255, 255, 255), (255, 0, 0))


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize(
    "page",
    [
        {"data": np.zeros((16, 16, 3), "uint8"), "photometric": "rgb", "subfiletype": 1},
        {"data": np.zeros((64, 64), bool), "photometric": "mask", "subfiletype": 4},
        {"data": np.zeros((16, 16), bool), "photometric": "mask", "subfiletype": 5},
        {"data": np.zeros((64, 64), bool), "photometric": "mask"},
        {"data": np.zeros((64, 64), "uint8"), "photometric": "minisblack", "subfiletype": 8},
        {"data": np.zeros((64, 64, 3), "uint8"), "photometric": "rgb", "subfiletype": 16},
    ],
    ids=["thumbnail", "mask", "mask of the thumbnail", "mask by its colors alone", "depth map", "enhanced picture"],
)
def test_pages_that_belong_to_another_do_not_count_as_pictures(page: dict[str, Any], first: bool) -> None:
    file = io.BytesIO()
    pages = [{"data": halves(), "photometric": "rgb"}, page]
    with tifffile.TiffWriter(file) as tiff:
        for one in reversed(pages) if first else pages:
            tiff.write(metadata=None, **one)
    assert_close(colors(file.getvalue()), LEFT, RIGHT)


def of_sizes(*sizes: tuple[int, int]) -> bytes:
    """Return a file of pages of these widths and heights, none of which is marked."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as tiff:
        for width, height in sizes:
            tiff.write(np.zeros((height, width), "uint8"), photometric="minisblack", metadata=None)
    return file.getvalue()


@pytest.mark.parametrize("small", [(64, 48), (16, 12), (40, 31), (160, 120)])
def test_a_thumbnail_that_nothing_marks_does_not_count_as_a_picture(small: tuple[int, int]) -> None:
    photo = (256, 192) if small != (160, 120) else (900, 600)  # whose thumbnail has black bars
    assert read_picture(of_sizes(photo, small)).size == photo
    assert read_picture(of_sizes(small, photo)).size == photo


@pytest.mark.parametrize("other", [(256, 192), (128, 96), (64, 64), (48, 64), (160, 120)])
def test_a_smaller_page_that_may_be_another_picture_counts(other: tuple[int, int]) -> None:
    assert refusal(of_sizes((256, 192), other)).code == "picture_animated"
    assert refusal(of_sizes((256, 192), (64, 48), other)).code == "picture_animated"


def test_two_pictures_are_refused() -> None:
    assert refusal(saved(halves(), halves(), photometric="rgb")).code == "picture_animated"


def test_the_thumbnail_of_a_raw_camera_picture_is_not_read_in_its_place() -> None:
    """The picture itself is in a directory that the thumbnail's SubIFDs name."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as tiff:
        tiff.write(halves(), photometric="rgb", subfiletype=1, subifds=1, metadata=None)
        tiff.write(halves(dtype="uint16")[..., 0], photometric=32803, metadata=None)
    assert "raw camera pictures" in refusal(file.getvalue()).message


@pytest.mark.parametrize(
    ("pixels", "photometric", "word"),
    [
        (halves(dtype="float32", scale=1 / 255), "rgb", "floating-point"),
        (halves((0.5,), (0.1,), dtype="float32")[..., 0], "minisblack", "floating-point"),
        (halves((9,), (7,), dtype="uint32")[..., 0], "minisblack", "32-bit"),
        (halves(dtype="uint16"), "icclab", "ICCLab"),
        (halves((9,), (7,), dtype="uint16")[..., 0], 32803, "raw camera"),
    ],
)
def test_what_cannot_be_read_is_named(pixels: NDArray[Any], photometric: str | int, word: str) -> None:
    error = refusal(saved(pixels, photometric=photometric))
    assert (error.code, word in error.message) == ("picture_unsupported", True), error.message


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_file_that_is_cut_short_is_refused(compression: str | None) -> None:
    noise = np.random.default_rng(0).integers(0, 65535, (64, 64, 3)).astype("uint16")
    file = io.BytesIO()
    tifffile.imwrite(file, noise, photometric="rgb", compression=compression, rowsperstrip=8)
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        cut = tiff.pages.first.dataoffsets[-1] + 10  # type: ignore[union-attr]
    assert refusal(file.getvalue()[:cut]).code in ("picture_truncated", "picture_damaged")


def test_a_file_whose_directory_is_cut_off_is_said_to_be_cut_short() -> None:
    file = io.BytesIO()
    Image.new("L", (64, 64)).save(file, "TIFF", compression="packbits")  # writes the directory at the end
    assert refusal(file.getvalue()[:-150]).code == "picture_truncated"


@pytest.mark.parametrize("strips", [1, 4])
def test_a_jpeg_in_a_tiff_needs_its_rows_and_not_its_end_marker(strips: int) -> None:
    noise, file = np.random.default_rng(0).integers(0, 255, (64, 64)).astype("uint8"), io.BytesIO()
    tifffile.imwrite(file, noise, photometric="minisblack", compression="jpeg", rowsperstrip=64 // strips)
    data = file.getvalue()
    assert data.endswith(b"\xff\xd9")
    assert read_picture(data[:-2]) == read_picture(data[:-1]) == read_picture(data)
    assert refusal(data[:-40]).code == "picture_truncated"


@pytest.mark.parametrize("where", [100, 300, 1000])
def test_a_damaged_file_is_refused_or_read_but_raises_nothing_else(where: int) -> None:
    data = bytearray(saved(halves(dtype="uint16", scale=257), photometric="rgb", compression="zlib"))
    for offset in range(where, min(where + 40, len(data))):
        data[offset] ^= 0xFF
    with contextlib.suppress(PictureError):
        assert read_picture(bytes(data)).mode == "RGB"


def test_the_header_is_checked_before_the_pixels() -> None:
    with pytest.raises(PictureError, match="million pixels"):
        read_picture(saved(halves(dtype="uint16"), photometric="rgb"), PictureLimits(max_pixels=1000))


def test_orientation_and_profile_of_sixteen_bits_are_heeded() -> None:
    data = saved(halves(dtype="uint16", scale=257)[:32], photometric="rgb", extratags=[(274, 3, 1, 6, True)])
    picture = read_picture(data)
    assert picture.size == (32, 64)
    assert_close([picture.getpixel((16, 8)), picture.getpixel((16, 56))], LEFT, RIGHT)  # type: ignore[list-item]


def tag(code: int, kind: int, value: bytes) -> bytes:
    """Return an entry of a directory with one value, or its place."""
    return struct.pack("<HHI", code, kind, 4 if kind == ASCII else 1) + value.ljust(4, b"\0")


SHORT, LONG, ASCII = 3, 4, 2


@pytest.mark.parametrize(("dtype", "scale"), [("uint8", 1), ("uint16", 257)])
@pytest.mark.parametrize("code", [2, 0xFFFF])
def test_adobe_rgb_that_exif_names_is_converted(code: int, dtype: str, scale: int) -> None:
    """0xFFFF leaves it to the interoperability index, R03."""
    pixels, free = halves((180, 60, 60), dtype=dtype, scale=scale), 34664  # tifffile itself writes no EXIF
    data = saved(pixels, photometric="rgb", extratags=[(free, LONG, 1, 0, True)])
    exif_at = struct.pack("<I", len(data))
    index_at = struct.pack("<I", len(data) + 2 + 2 * 12 + 4)
    data = data.replace(tag(free, LONG, bytes(4)), tag(34665, LONG, exif_at))
    data += b"\2\0" + tag(0xA001, SHORT, struct.pack("<H", code)) + tag(0xA005, LONG, index_at) + bytes(4)
    data += b"\1\0" + tag(1, ASCII, b"R03") + bytes(4)
    assert_close(colors(data)[:1], (208, 57, 59))
