"""Reading: whatever file people have becomes 8-bit sRGB or a clear refusal."""

import io
import struct
import zlib

import imagecodecs
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from nst_engine.images.reading import MOST_PIXELS, PictureLimits, read_picture
from nst_engine.images.writing import srgb_profile
from nst_engine.spec.errors import PictureError

RED, GREEN = (200, 30, 30), (20, 180, 40)


def saved(image: Image.Image, name: str, **options: object) -> bytes:
    pillow_heif.register_heif_opener()
    file = io.BytesIO()
    image.save(file, name, **options)  # type: ignore[arg-type]
    return file.getvalue()


def photo(size: tuple[int, int] = (48, 32)) -> Image.Image:
    """Two halves of different colors, so that turns and mirrors can be told apart."""
    image = Image.new("RGB", size, RED)
    image.paste(GREEN, (size[0] // 2, 0, *size))
    return image


def refusal(data: bytes, limits: PictureLimits | None = None) -> str:
    with pytest.raises(PictureError) as caught:
        read_picture(data, limits)
    return caught.value.code


def png(width: int, height: int, *, idat: bytes = b"", color: int = 2) -> bytes:
    """Write a PNG whose header may promise anything."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", idat) + chunk(b"IEND", b"")


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_reads_each_format(name: str) -> None:
    picture = read_picture(saved(photo(), name))
    assert (picture.mode, picture.size) == ("RGB", (48, 32))
    assert np.abs(np.array(picture)[16, 8].astype(int) - RED).max() < 12
    assert np.abs(np.array(picture)[16, 40].astype(int) - GREEN).max() < 12


def test_orientation_is_applied_and_not_kept() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right by 90 degrees
    picture = read_picture(saved(photo(), "JPEG", exif=exif, quality=95))
    assert picture.size == (32, 48)
    assert np.abs(np.array(picture)[4, 16].astype(int) - RED).max() < 12
    assert not picture.getexif()


def test_metadata_does_not_survive() -> None:
    exif = Image.Exif()
    exif[0x010E] = "<script>alert(1)</script>"
    exif.get_ifd(0x8825)[2] = (52.0, 30.0, 0.0)
    picture = read_picture(saved(photo(), "JPEG", exif=exif, comment=b"secret"))
    assert picture.info == {}
    assert b"script" not in saved(picture, "PNG")


def test_transparent_parts_lie_on_white() -> None:
    image = photo().convert("RGBA")
    image.putalpha(Image.new("L", image.size, 0))
    assert read_picture(saved(image, "PNG")).getextrema() == ((255, 255),) * 3


def test_half_transparent_parts_are_mixed_with_white() -> None:
    image = Image.new("RGBA", (32, 32), (0, 0, 0, 128))
    assert read_picture(saved(image, "PNG")).getpixel((5, 5)) == (127, 127, 127)


def test_a_transparent_palette_lies_on_white() -> None:
    image = Image.new("P", (32, 32), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    assert read_picture(saved(image, "PNG", transparency=0)).getpixel((3, 3)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["L", "LA", "1", "P"])
def test_reads_pictures_without_three_channels(mode: str) -> None:
    assert read_picture(saved(photo().convert(mode), "PNG")).mode == "RGB"


@pytest.mark.parametrize("name", ["PNG", "TIFF"])
def test_sixteen_bit_grays_keep_their_range(name: str) -> None:
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    picture = np.array(read_picture(saved(Image.fromarray(ramp), name)))
    assert np.abs(picture[..., 0].astype(float) - ramp / 257).max() <= 1


def test_sixteen_bit_colors_keep_their_range() -> None:
    import tifffile

    ramp = np.linspace(0, 65535, 64 * 64 * 3).reshape(64, 64, 3).astype(np.uint16)
    file = io.BytesIO()
    tifffile.imwrite(file, ramp, photometric="rgb")
    picture = np.array(read_picture(file.getvalue()))
    assert np.abs(picture.astype(float) - ramp / 257).max() <= 1


def test_cmyk_becomes_rgb() -> None:
    picture = read_picture(saved(Image.new("CMYK", (32, 32), (0, 0, 0, 0)), "JPEG"))
    assert picture.getpixel((5, 5)) == (255, 255, 255)


def test_a_profile_is_applied() -> None:
    """A profile that calls green red makes green of red."""
    swapped = srgb_profile().replace(b"rXYZ", b"?XYZ").replace(b"gXYZ", b"rXYZ").replace(b"?XYZ", b"gXYZ")
    image = Image.new("RGB", (32, 32), (255, 0, 0))
    red, green, blue = read_picture(saved(image, "PNG", icc_profile=swapped)).getpixel((5, 5))  # type: ignore[misc]
    assert (red < 30, green > 225, blue < 30) == (True, True, True)


def test_lab_colors_become_rgb() -> None:
    picture = read_picture(saved(Image.new("LAB", (32, 32), (255, 128, 128)), "TIFF"))
    assert min(picture.getpixel((5, 5))) > 250  # type: ignore[arg-type, type-var]


def test_a_broken_profile_is_passed_over() -> None:
    picture = read_picture(saved(photo(), "PNG", icc_profile=b"not a profile" * 20))
    assert picture.getpixel((4, 4)) == RED


def test_the_first_picture_of_a_phones_mpo_is_read() -> None:
    data = saved(photo(), "MPO", save_all=True, append_images=[photo((16, 16))])
    assert read_picture(data).size == (48, 32)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "picture_empty"),
        (b"hello", "not_a_picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_a_picture"),
        (b"%PDF-1.7 ...", "not_a_picture"),
        (saved(photo(), "GIF"), "not_a_picture"),
        (saved(photo(), "BMP"), "not_a_picture"),
        (saved(photo((8, 40)), "PNG"), "picture_too_small"),
        (saved(photo((1, 1)), "PNG"), "picture_too_small"),
        (png(60_000, 60_000), "picture_too_large"),
        (png(2**31 - 1, 2**31 - 1), "picture_too_large"),
        (png(20_000, 20), "picture_too_large"),
        (png(100, 100), "picture_truncated"),
        (saved(photo((200, 200)), "PNG", compress_level=0)[:3000], "picture_truncated"),
        (saved(Image.effect_noise((200, 200), 90), "JPEG")[:3000], "picture_truncated"),
    ],
)
def test_refuses(data: bytes, code: str) -> None:
    assert refusal(data) == code


@pytest.mark.parametrize("name", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_refuses_more_than_one_frame(name: str) -> None:
    other = Image.new("RGB", (48, 32), "blue")
    assert refusal(saved(photo(), name, save_all=True, append_images=[other])) == "picture_animated"


def test_limits_are_those_that_are_given() -> None:
    data = saved(photo(), "PNG")
    assert refusal(data, PictureLimits(max_pixels=1000)) == "picture_too_large"
    assert refusal(data, PictureLimits(max_side=40)) == "picture_too_large"
    assert refusal(data, PictureLimits(min_side=40)) == "picture_too_small"


@pytest.mark.parametrize("name", ["PNG", "TIFF"])
@pytest.mark.filterwarnings("error")
def test_the_limit_of_pixels_is_ours(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow warns of more pixels than its limit, and refuses twice as many."""
    data = saved(photo().convert("1"), name)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert read_picture(data).size == (48, 32)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert refusal(data) == "picture_too_large"


def test_the_largest_limit_is_that_of_pillow() -> None:
    assert Image.MAX_IMAGE_PIXELS is not None
    assert 2 * Image.MAX_IMAGE_PIXELS == MOST_PIXELS
    with pytest.raises(PictureError, match=r"more than 178\.957 million pixels"):
        read_picture(png(16_000, 16_000), PictureLimits(max_pixels=10**9))


def test_floating_point_pictures_are_refused() -> None:
    assert refusal(saved(Image.new("F", (32, 32), 0.5), "TIFF")) == "picture_unsupported"


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.95])
def test_a_file_that_is_cut_short_is_said_to_be_so(name: str, share: float) -> None:
    data = saved(Image.effect_noise((64, 64), 90).convert("RGB"), name)
    assert refusal(data[: int(share * len(data))]) == "picture_truncated"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (saved(photo(), "GIF"), "GIF"),
        (saved(photo(), "BMP"), "BMP"),
        (saved(photo(), "ICO"), "ICO"),
        (saved(photo(), "PPM"), "PNM"),
        (imagecodecs.jpegxl_encode(np.zeros((32, 32, 3), np.uint8)), "JPEG XL"),
        (imagecodecs.jpegxl_encode(np.zeros((32, 32, 3), np.uint8), usecontainer=True), "JPEG XL"),
        (saved(photo(), "JPEG2000"), "JPEG 2000"),
        (saved(photo(), "JPEG2000", no_jp2=True), "JPEG 2000"),
        (imagecodecs.jpegxr_encode(np.zeros((32, 32, 3), np.uint8)), "JPEG XR"),
        (b"8BPS\0\1", "Photoshop"),
        (b"FUJIFILMCCD-RAW 0201", "raw camera"),
    ],
)
def test_a_file_of_another_kind_is_named(data: bytes, name: str) -> None:
    with pytest.raises(PictureError, match=f"^{name} files cannot be read here; use JPEG, PNG") as caught:
        read_picture(data)
    assert caught.value.code == "not_a_picture"


JPEG_LS = imagecodecs.jpegls_encode(np.zeros((32, 32, 3), np.uint8))
VVC = saved(photo(), "HEIF").replace(b"hvc1", b"vvc1")
HEADER_DAMAGED = png(32, 32).replace(b"\0\0\0\x20\0\0\0\x20", b"\0\0\0\x20\0\0\0\x21")


@pytest.mark.parametrize(
    ("data", "name"), [(JPEG_LS, "JPEG"), (VVC, "AVIF or HEIC"), (HEADER_DAMAGED, "PNG")], ids=["JPEG-LS", "VVC", "PNG"]
)
def test_a_file_of_a_readable_kind_that_is_not_decoded_is_called_so(data: bytes, name: str) -> None:
    with pytest.raises(PictureError, match=f"^the {name} file is damaged, or coded in a way") as caught:
        read_picture(data)
    assert caught.value.code == "picture_damaged"


def test_a_png_without_its_palette_is_damaged() -> None:
    assert refusal(png(32, 32, idat=zlib.compress(bytes(33 * 32)), color=3)) == "picture_damaged"


def test_a_jpeg_of_twelve_bits_is_named() -> None:
    data = imagecodecs.jpeg_encode(np.zeros((32, 32, 3), np.uint16), bitspersample=12)
    with pytest.raises(PictureError, match="12-bit JPEG pictures cannot be read; use JPEG of 8 bits"):
        read_picture(data)
