"""What metadata says of the pixels is heeded: orientation and color space. Whatever else is in it is ignored."""

import io
import struct
from typing import Any

import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image

from nst_engine.images.reading import read_picture
from nst_engine.spec.errors import PictureError

ADOBE_RED, ADOBE_RED_IN_SRGB = (180, 60, 60), (208, 57, 59)
ORIENTATION, EXIF_IFD, INTEROP_IFD, COLOR_SPACE = 0x0112, 0x8769, 0xA005, 0xA001


def tiff_header(*entries: bytes, after: bytes = b"") -> bytes:
    """Write a little-endian IFD of raw entries; `after` follows it at offset 10 + 12 n + 4."""
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + bytes(4) + after


def entry(tag: int, kind: int, count: int, value: bytes) -> bytes:
    return struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")


def jpeg(exif: bytes = b"", size: tuple[int, int] = (64, 48), color: tuple[int, int, int] = ADOBE_RED) -> bytes:
    file = io.BytesIO()
    image = Image.new("RGB", size, color)
    image.paste((20, 20, 20), (0, 0, 8, 8))
    image.save(file, "JPEG", quality=98, subsampling=0, **({"exif": b"Exif\0\0" + exif} if exif else {}))
    return file.getvalue()


def middle(data: bytes) -> tuple[int, ...]:
    picture = read_picture(data)
    found = picture.getpixel((picture.width // 2, picture.height // 2))
    assert isinstance(found, tuple)
    return found


TURNED = entry(ORIENTATION, 3, 1, struct.pack("<H", 6))


@pytest.mark.parametrize(
    "odd",
    [
        entry(0x011A, 10, 1, struct.pack("<I", 38)),  # XResolution, signed and negative
        entry(0x8825, 4, 1, struct.pack("<I", 4000)),  # GPS, beyond the end
        entry(0x010F, 2, 4000, struct.pack("<I", 9000)),  # a maker's name that is not there
        entry(0x8769, 2, 4, b"text"),  # the EXIF directory, as text
        entry(0x0132, 12, 1, struct.pack("<I", 38)),
        entry(0x0100, 99, 1, b"\1"),  # an unknown type
    ],
)
def test_an_odd_tag_does_not_keep_a_turned_photo_from_being_read(odd: bytes) -> None:
    exif = tiff_header(*sorted((TURNED, odd)), after=struct.pack("<ii", -72, 1))
    assert read_picture(jpeg(exif)).size == (48, 64)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_none(orientation: int) -> None:
    exif = tiff_header(entry(ORIENTATION, 3, 1, struct.pack("<H", orientation)))
    assert read_picture(jpeg(exif)).size == (64, 48)


ODD_ORIENTATIONS = {
    "byte": (entry(ORIENTATION, 1, 1, b"\6"), True),
    "two bytes": (entry(ORIENTATION, 1, 2, b"\6\1"), True),
    "two numbers": (entry(ORIENTATION, 3, 2, struct.pack("<2H", 6, 1)), True),
    "undefined": (entry(ORIENTATION, 7, 1, b"\6"), True),
    "signed": (entry(ORIENTATION, 8, 1, struct.pack("<h", 6)), True),
    "float": (entry(ORIENTATION, 11, 1, struct.pack("<f", 6)), True),
    "fraction": (entry(ORIENTATION, 11, 1, struct.pack("<f", 6.5)), False),
    "not a number": (entry(ORIENTATION, 11, 1, struct.pack("<f", float("nan"))), False),
    "negative": (entry(ORIENTATION, 8, 1, struct.pack("<h", -6)), False),
    "text": (entry(ORIENTATION, 2, 2, b"x\0"), False),
    "no value": (entry(ORIENTATION, 3, 0, b""), False),
    "unknown type": (entry(ORIENTATION, 99, 1, b"\6"), False),
}


@pytest.mark.parametrize(("odd", "is_turned"), ODD_ORIENTATIONS.values(), ids=ODD_ORIENTATIONS)
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_an_orientation_of_another_type_counts_if_it_exists(odd: bytes, is_turned: bool, name: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (64, 48)).save(file, name, exif=b"Exif\0\0" + tiff_header(odd))
    assert read_picture(file.getvalue()).size == ((48, 64) if is_turned else (64, 48))


@pytest.mark.parametrize(("odd", "is_turned"), ODD_ORIENTATIONS.values(), ids=ODD_ORIENTATIONS)
@pytest.mark.parametrize(("dtype", "compression"), [("uint8", None), ("bool", None), ("uint8", "jpeg")])
def test_an_orientation_of_another_type_counts_in_tiff(
    odd: bytes, is_turned: bool, dtype: str, compression: str | None
) -> None:
    """Pixels of eight bits are read by tifffile, of one bit and in JPEG by Pillow."""
    pixels, placeholder, file = np.zeros((48, 64), dtype), (34664, 4, 1, 7), io.BytesIO()
    options: dict[str, Any] = {"compression": compression, "extratags": [(*placeholder, True)]}
    tifffile.imwrite(file, pixels, photometric="minisblack", **options)
    data = file.getvalue().replace(struct.pack("<HHII", *placeholder), odd)
    assert read_picture(data).size == ((48, 64) if is_turned else (64, 48))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_every_orientation_brings_the_corner_to_its_place(orientation: int, name: str) -> None:
    """The stored picture has its mark where the orientation puts the upright picture's top left corner."""
    upright = Image.new("RGB", (64, 48), "white")
    upright.paste((0, 0, 0), (0, 0, 16, 16))
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose values that store it so
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    file = io.BytesIO()
    stored.save(file, name, exif=exif)
    picture = read_picture(file.getvalue())
    assert picture.size == (64, 48)
    assert max(picture.getpixel((6, 6))) < 60  # type: ignore[arg-type]
    assert min(picture.getpixel((57, 41))) > 200  # type: ignore[arg-type]


def with_color_space(code: int, index: bytes | None = None) -> bytes:
    exif = Image.Exif()
    exif.get_ifd(EXIF_IFD)[COLOR_SPACE] = code
    if index is not None:
        exif.get_ifd(EXIF_IFD)[INTEROP_IFD] = {1: index.decode()}
    file = io.BytesIO()
    Image.new("RGB", (32, 32), ADOBE_RED).save(file, "JPEG", quality=98, subsampling=0, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize(("code", "index"), [(2, None), (0xFFFF, b"R03")])
def test_adobe_rgb_that_exif_names_is_converted(code: int, index: bytes | None) -> None:
    assert np.abs(np.array(middle(with_color_space(code, index))) - ADOBE_RED_IN_SRGB).max() <= 4


@pytest.mark.parametrize(("code", "index"), [(1, None), (0xFFFF, b"R98"), (0xFFFF, None)])
def test_other_color_spaces_of_exif_are_srgb(code: int, index: bytes | None) -> None:
    assert np.abs(np.array(middle(with_color_space(code, index))) - ADOBE_RED).max() <= 3


@pytest.mark.parametrize("name", ["AVIF", "HEIF"])
def test_the_primaries_of_an_avif_or_heic_file_are_heeded(name: str) -> None:
    """The code point of the primaries in the file is changed from BT.709 to Display P3."""
    pillow_heif.register_heif_opener()
    file = io.BytesIO()
    Image.new("RGB", (64, 64), (204, 51, 51)).save(file, name, quality=95)
    data = file.getvalue()
    at = data.index(b"colrnclx") + 8
    p3 = data[:at] + struct.pack(">HH", 12, 13) + data[at + 4 :]
    assert np.abs(np.array(middle(p3)) - (221, 24, 42)).max() <= 6
    srgb = data[:at] + struct.pack(">HH", 1, 13) + data[at + 4 :]
    assert np.abs(np.array(middle(srgb)) - (204, 51, 51)).max() <= 6


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_without_its_end_marker_is_read(progressive: bool) -> None:
    file = io.BytesIO()
    Image.effect_noise((64, 64), 60).convert("RGB").save(file, "JPEG", quality=90, progressive=progressive)
    data = file.getvalue()
    assert data.endswith(b"\xff\xd9")
    assert np.array_equal(np.array(read_picture(data[:-2])), np.array(read_picture(data)))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.97])
def test_a_jpeg_whose_rows_are_missing_is_cut_short(share: float, progressive: bool) -> None:
    file = io.BytesIO()
    Image.effect_noise((64, 64), 60).convert("RGB").save(file, "JPEG", quality=90, progressive=progressive)
    data = file.getvalue()
    with pytest.raises(PictureError) as caught:
        read_picture(data[: int(len(data) * share)])
    assert caught.value.code == "picture_truncated"


def noise(name: str = "JPEG", **options: object) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(file, name, **options)  # type: ignore[arg-type]
    return file.getvalue()


@pytest.mark.parametrize("subsampling", [0, 2])
@pytest.mark.parametrize("quality", [50, 95])
@pytest.mark.parametrize("missing", [3, 4, 6, 10, 14, 20, 40])
def test_a_jpeg_that_lacks_a_byte_of_its_last_block_is_cut_short(missing: int, quality: int, subsampling: int) -> None:
    with pytest.raises(PictureError) as caught:
        read_picture(noise(quality=quality, subsampling=subsampling)[:-missing])
    assert caught.value.code == "picture_truncated"


@pytest.mark.parametrize("end", [b"", b"\xff", b"\xff" * 5, bytes(20), b"text behind it"])
def test_a_jpeg_with_something_else_in_place_of_its_end_marker_is_read(end: bytes) -> None:
    data = noise(quality=90)
    assert np.array_equal(np.array(read_picture(data[:-2] + end)), np.array(read_picture(data)))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("end", [b"\xff\xd9", b"\xff\xd9text behind it"])
def test_a_jpeg_whose_rows_are_missing_is_cut_short_in_spite_of_its_end_marker(
    mode: str, progressive: bool, end: bytes
) -> None:
    file = io.BytesIO()
    Image.effect_noise((64, 64), 60).convert(mode).save(file, "JPEG", quality=90, progressive=progressive)
    data = file.getvalue()
    cut = data[: data.index(b"\xff\xda") + (40 if progressive else 1500)]
    with pytest.raises(PictureError) as caught:
        read_picture(cut + end)
    assert caught.value.code == "picture_truncated"


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_is_gray_in_its_last_corner_is_read(progressive: bool) -> None:
    file = io.BytesIO()
    image = Image.effect_noise((64, 64), 60).convert("RGB")
    image.paste((128, 128, 128), (40, 40, 64, 64))
    image.save(file, "JPEG", quality=90, progressive=progressive)
    assert read_picture(file.getvalue()).getpixel((63, 63)) == (128, 128, 128)
