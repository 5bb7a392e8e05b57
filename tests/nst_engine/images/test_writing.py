"""Writing: the picture, an sRGB profile and the parameters, the same bytes each time."""

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, ImageCms

from nst_engine.images.writing import WRITABLE, encode, encode16, is_marked, read_metadata, srgb_profile, timelapse
from nst_engine.spec.errors import PictureError

METADATA = {"model": "lite", "seed": 7, "note": "naïve"}


def noise(size: tuple[int, int] = (40, 30)) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(values)


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("name", WRITABLE)
def test_the_parameters_can_be_read_back(name: str) -> None:
    assert read_metadata(encode(noise(), name, metadata=METADATA)) == METADATA


@pytest.mark.parametrize("name", WRITABLE)
def test_each_file_carries_the_srgb_profile(name: str) -> None:
    assert opened(encode(noise(), name)).info["icc_profile"] == srgb_profile()


@pytest.mark.parametrize("name", WRITABLE)
def test_equal_pictures_are_equal_files(name: str) -> None:
    assert encode(noise(), name, metadata=METADATA) == encode(noise(), name, metadata=METADATA)


@pytest.mark.parametrize("name", ["png", "tiff"])
def test_lossless_formats_keep_every_pixel(name: str) -> None:
    assert np.array_equal(np.array(opened(encode(noise(), name))), np.array(noise()))


def test_the_profile_is_one_that_color_management_reads() -> None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
    assert "sRGB" in ImageCms.getProfileName(profile)


def test_quality_decides_the_size_of_a_jpeg() -> None:
    assert len(encode(noise(), "jpeg", quality=30)) < len(encode(noise(), "jpeg", quality=95))


def test_a_file_without_parameters_has_none() -> None:
    assert read_metadata(encode(noise(), "png")) is None


SOURCE_TYPE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
FILES = {
    **{name: lambda mark, name=name: encode(noise(), name, metadata=METADATA, mark=mark) for name in WRITABLE},
    "16 bits": lambda mark: encode16(np.zeros((20, 30, 3), np.uint16), metadata=METADATA, mark=mark),
    "time-lapse": lambda mark: timelapse([noise(), noise()], mark=mark),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_marked_file_says_in_xmp_that_a_trained_network_made_it(kind: str) -> None:
    data = FILES[kind](True)
    found = opened(data).info["xmp"]
    (value,) = ElementTree.fromstring(found.strip()).iter(SOURCE_TYPE)
    assert value.text == "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
    assert is_marked(data)
    assert kind == "time-lapse" or read_metadata(data) == METADATA


@pytest.mark.parametrize("kind", FILES)
def test_a_file_is_not_marked_unless_asked(kind: str) -> None:
    data = FILES[kind](False)
    assert not is_marked(data)
    assert b"DigitalSourceType" not in data


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(PictureError, match="one of png, jpeg, webp, tiff"):
        encode(noise(), "gif")


def test_sixteen_bits_are_kept() -> None:
    import tifffile

    values = np.random.default_rng(1).integers(0, 65536, (20, 30, 3), dtype=np.uint16)
    data = encode16(values, metadata={"seed": 7})
    assert np.array_equal(tifffile.imread(io.BytesIO(data)), values)
    assert read_metadata(data) == {"seed": 7}


def test_a_timelapse_has_every_frame_in_the_size_of_the_last() -> None:
    film = Image.open(io.BytesIO(timelapse([noise((20, 15)), noise((30, 22)), noise()])))
    assert (film.format, film.size, film.n_frames) == ("WEBP", (40, 30), 3)


def test_a_timelapse_of_nothing_is_refused() -> None:
    with pytest.raises(PictureError, match="at least one"):
        timelapse([])
