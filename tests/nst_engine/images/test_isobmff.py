"""AVIF and HEIC: the color space of the picture, wherever the file names it, and metadata that is passed over."""

import io
import struct

import imagecodecs
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from nst_engine.images import av1, isobmff
from nst_engine.images.color import cicp
from nst_engine.images.reading import read_picture
from nst_engine.spec.errors import PictureError

P3_RED, P3_RED_IN_SRGB = (204, 51, 51), (221, 24, 42)  # the sample of CSS Color 4
DISPLAY_P3, SRGB_TRANSFER = 12, 13
ORIENTATION = 0x0112


def avif(*, primaries: int = DISPLAY_P3) -> bytes:
    pixels = np.full((32, 32, 3), P3_RED, np.uint8)
    return imagecodecs.avif_encode(pixels, level=100, primaries=primaries, transfer=SRGB_TRANSFER, matrix=6)


def middle(data: bytes) -> tuple[int, ...]:
    found = read_picture(data).getpixel((16, 16))
    assert isinstance(found, tuple)
    return found


def test_the_color_space_of_an_av1_stream_counts_where_no_property_names_one() -> None:
    data = avif().replace(b"colrnclx", b"freenclx")
    assert np.abs(np.array(middle(data)) - P3_RED_IN_SRGB).max() <= 4


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def nclx(primaries: int) -> bytes:
    return box(b"colr", b"nclx", struct.pack(">HHHB", primaries, SRGB_TRANSFER, 6, 128))


def with_items(*links: tuple[int, int], primary: int = 1, references: bytes = b"") -> bytes:
    """Return a file of two color spaces, sRGB and Display P3, that `links` give to items as (item, 1 or 2)."""
    entries = b"".join(struct.pack(">HBB", item, 1, 128 | which) for item, which in links)
    ipma = box(b"ipma", bytes(4), struct.pack(">I", len(links)), entries)
    iprp = box(b"iprp", box(b"ipco", nclx(1), nclx(DISPLAY_P3)), ipma)
    pitm = box(b"pitm", bytes(4), struct.pack(">H", primary))
    return box(b"ftyp", b"avif") + box(b"meta", bytes(4), pitm, references, iprp)


P3 = cicp(DISPLAY_P3, SRGB_TRANSFER)


def test_only_the_color_space_of_the_primary_item_counts() -> None:
    assert isobmff.color_space(with_items((2, 1), (1, 2))) == P3
    assert isobmff.color_space(with_items((2, 1), (1, 2), primary=2)) == cicp(1, SRGB_TRANSFER)
    assert isobmff.color_space(with_items((2, 1))) is None


def test_a_picture_of_tiles_has_their_color_space() -> None:
    tiles = box(b"iref", bytes(4), box(b"dimg", struct.pack(">4H", 9, 2, 3, 4)))
    assert isobmff.color_space(with_items((1, 1), (3, 2), primary=9, references=tiles)) == P3


def with_codes(
    name: str, primaries: int, transfer: int, matrix: int = 6, color: tuple[int, ...] = P3_RED, exif: bytes = b""
) -> bytes:
    pillow_heif.register_heif_opener()
    file = io.BytesIO()
    Image.new("RGB", (32, 32), color).save(file, name, quality=95, **({"exif": exif} if exif else {}))
    data = file.getvalue()
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">HHH", primaries, transfer, matrix) + data[at + 6 :]


@pytest.mark.parametrize("name", ["AVIF", "HEIF"])
def test_a_color_space_that_the_standard_reserves_is_named(name: str) -> None:
    with pytest.raises(PictureError, match="CICP primaries 3 and transfer 13 cannot be read; use sRGB"):
        read_picture(with_codes(name, 3, 13))


@pytest.mark.parametrize("name", ["AVIF", "HEIF"])
@pytest.mark.parametrize("matrix", [3, 10, 14])
def test_a_matrix_that_would_be_taken_for_another_one_is_named(name: str, matrix: int) -> None:
    with pytest.raises(PictureError, match=f"pictures of CICP matrix {matrix} cannot be read; use JPEG or PNG"):
        read_picture(with_codes(name, 1, 13, matrix))


@pytest.mark.parametrize("name", ["AVIF", "HEIF"])
@pytest.mark.parametrize(("primaries", "transfer"), [(0, 0), (0, 13), (2, 2), (1, 0)])
def test_codes_that_say_nothing_are_those_of_srgb(name: str, primaries: int, transfer: int) -> None:
    assert np.abs(np.array(middle(with_codes(name, primaries, transfer))) - P3_RED).max() <= 4


@pytest.mark.parametrize("name", ["AVIF", "HEIF"])
@pytest.mark.parametrize(
    ("primaries", "transfer", "wanted"), [(1, 13, (180, 60, 60)), (2, 2, (208, 57, 59))], ids=["sRGB", "unspecified"]
)
def test_adobe_rgb_that_exif_names_is_converted_where_no_property_names_a_color_space(
    name: str, primaries: int, transfer: int, wanted: tuple[int, ...]
) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 2
    data = with_codes(name, primaries, transfer, color=(180, 60, 60), exif=exif.tobytes())
    assert np.abs(np.array(middle(data)) - wanted).max() <= 4


@pytest.mark.parametrize("missing", range(1, 100, 7))
def test_a_file_that_ends_early_names_no_color_space(missing: int) -> None:
    assert isobmff.color_space(with_items((1, 2))[:-missing]) is None


def bits(*fields: tuple[int, int]) -> bytes:
    """Pack (value, size) fields, most significant bit first."""
    text = "".join(f"{value:0{size}b}" for value, size in fields if size)
    return int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8))


COLOR = [(0, 1), (0, 1), (1, 1), (9, 8), (16, 8), (9, 8)]  # 8 bits, in color, as described: BT.2020, PQ
SIZE = [(5, 4), (5, 4), (31, 6), (31, 6)]
TIMING = [(1, 1), (1, 32), (25, 32), (1, 1), (4, 5), (1, 1), (9, 5), (1, 32), (9, 5), (9, 5)]
POINT = [(1, 1), (0, 5), (0, 12), (8, 5), (0, 1), (1, 1), (0, 10), (0, 10), (0, 1), (1, 1), (3, 4)]
TOOLS = [(0, 1), (0, 3), (0, 4), (1, 1), (0, 2), (0, 1), (1, 1), (0, 1), (0, 1), (6, 3), (0, 3)]


@pytest.mark.parametrize(
    "fields",
    [
        [(0, 3), (1, 1), (1, 1), (0, 5), *SIZE, (0, 3), (0, 3), *COLOR],
        [(0, 3), (0, 1), (0, 1), *TIMING, *POINT, *SIZE, *TOOLS, *COLOR],
    ],
    ids=["of a still picture", "of a film"],
)
def test_the_color_codes_of_a_sequence_header_are_found(fields: list[tuple[int, int]]) -> None:
    header = bits(*fields)
    delimiter = b"\x12\0"
    assert av1.color_codes(delimiter + bytes((0x0A, len(header))) + header) == (9, 16)
    assert av1.color_codes(delimiter) is None


@pytest.mark.parametrize("name", ["AVIF", "HEIF"])
@pytest.mark.parametrize(
    "entry",
    [
        struct.pack(">HHII", 0x011A, 10, 1, 26) + struct.pack(">Iii", 0, -72, 1),  # XResolution, negative
        struct.pack(">HHI4s", 0x011A, 2, 4, b"text"),  # XResolution, as text
        struct.pack(">HHIi", 0x0100, 9, 1, -5),  # a width below zero
        struct.pack(">HHIHH", ORIENTATION, 3, 1, 3, 0),  # another orientation than that of the picture
    ],
)
def test_odd_exif_does_not_keep_a_turned_picture_from_being_read(name: str, entry: bytes) -> None:
    """The odd EXIF takes the place of that which the picture was saved with; the turn is a property of the picture."""
    pillow_heif.register_heif_opener()
    exif, file = Image.Exif(), io.BytesIO()
    exif[ORIENTATION], exif[0x0131] = 6, "Q" * 200
    Image.new("RGB", (64, 48), P3_RED).save(file, name, exif=exif.tobytes())
    data = bytearray(file.getvalue())
    start = data.rindex(b"MM\0*", 0, data.index(b"QQQQ")) if b"MM\0*" in data else data.index(b"II*\0")
    odd = b"MM\0*" + struct.pack(">IH", 8, 1) + entry
    data[start : start + 200] = odd.ljust(200, b"\0")
    assert read_picture(bytes(data)).size == (48, 64)


def test_the_primary_of_several_heic_pictures_is_read() -> None:
    file = io.BytesIO()
    pictures = pillow_heif.from_pillow(Image.new("RGB", (64, 64), "red"))
    pictures.add_from_pillow(Image.new("RGB", (64, 64), "blue"))
    pictures.save(file, quality=90, primary_index=1)
    assert np.abs(np.array(middle(file.getvalue())) - (0, 0, 255)).max() <= 6
