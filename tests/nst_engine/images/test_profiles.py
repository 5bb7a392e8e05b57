"""ICC profiles: one that fits the channels is used, any other is passed over, and then metadata counts."""

import io

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from nst_engine.images.reading import read_picture
from tests.nst_engine.images.profiles import gray_profile, rgb_profile

FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"]
LOSSLESS = {"WEBP": {"lossless": True}, "AVIF": {"subsampling": "4:4:4"}, "HEIF": {"chroma": 444}}
EXIF_IFD, COLOR_SPACE = 0x8769, 0xA001


def color(image: Image.Image, name: str, **options: object) -> tuple[int, ...]:
    """Return the color in the middle of a picture that was saved and read."""
    pillow_heif.register_heif_opener()
    file = io.BytesIO()
    image.save(file, name, **{"quality": 95, "subsampling": 0, **LOSSLESS.get(name, {}), **options})
    found = read_picture(file.getvalue()).getpixel((16, 16))
    assert isinstance(found, tuple)
    return found


def assert_close(found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    assert np.abs(np.array(found) - wanted).max() <= 4, found


@pytest.mark.parametrize("name", FORMATS)
def test_a_picture_with_colors_keeps_them_under_a_gray_profile(name: str) -> None:
    image = Image.new("RGB", (32, 32), (200, 30, 30))
    assert_close(color(image, name, icc_profile=gray_profile(gamma=1.0)), (200, 30, 30))


@pytest.mark.parametrize("name", FORMATS)
def test_a_gray_picture_of_three_channels_is_converted_by_its_gray_profile(name: str) -> None:
    """A linear 0.5 is 188 in sRGB."""
    image = Image.new("RGB", (32, 32), (128, 128, 128))
    assert_close(color(image, name, icc_profile=gray_profile(gamma=1.0)), (188, 188, 188))


@pytest.mark.parametrize("name", [*FORMATS, "PNG"])
def test_a_gray_picture_is_converted_by_an_rgb_profile(name: str) -> None:
    assert_close(color(Image.new("L", (32, 32), 128), name, icc_profile=rgb_profile(gamma=1.0)), (188, 188, 188))


def test_a_gray_picture_with_alpha_is_converted_by_an_rgb_profile() -> None:
    image = Image.new("LA", (32, 32), (128, 255))
    assert_close(color(image, "PNG", icc_profile=rgb_profile(gamma=1.0)), (188, 188, 188))


def test_sixteen_bit_grays_are_converted_by_an_rgb_profile() -> None:
    image = Image.fromarray(np.full((32, 32), 128 * 257, np.uint16))
    assert_close(color(image, "PNG", icc_profile=rgb_profile(gamma=1.0)), (188, 188, 188))


@pytest.mark.parametrize("profile", [b"not a profile" * 20, gray_profile(gamma=1.0)], ids=["broken", "gray"])
def test_the_color_space_of_exif_counts_where_the_profile_is_of_no_use(profile: bytes) -> None:
    exif = Image.Exif()
    exif.get_ifd(EXIF_IFD)[COLOR_SPACE] = 2
    image = Image.new("RGB", (32, 32), (180, 60, 60))
    assert_close(color(image, "JPEG", icc_profile=profile, exif=exif), (208, 57, 59))


def test_a_profile_of_rgb_does_not_change_lab_colors() -> None:
    image = Image.new("LAB", (32, 32), (255, 128, 128))
    assert min(color(image, "TIFF", icc_profile=rgb_profile(gamma=1.0))) > 250
