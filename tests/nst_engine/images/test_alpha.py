"""Transparent photos and masks that are drawn in alpha."""

import io

import numpy as np
import pytest
from PIL import Image

from nst_engine.images.alpha import split_alpha
from nst_engine.images.reading import read_mask, read_picture, read_with_alpha
from nst_engine.images.writing import encode, encode16
from nst_engine.spec.errors import PictureError

RED, GREEN = (200, 30, 30, 255), (0, 255, 0, 0)


def half_seen(size: tuple[int, int] = (64, 48)) -> Image.Image:
    """Return a red picture whose right half is transparent, and green where nobody sees it."""
    picture = Image.new("RGBA", size, GREEN)
    picture.paste(RED, (0, 0, size[0] // 2, size[1]))
    return picture


def png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("size", [(64, 48), (33, 17), (2000, 30)])
def test_transparent_parts_are_filled_from_their_surroundings(size: tuple[int, int]) -> None:
    picture = half_seen(size)
    filled, alpha = split_alpha(picture, "keep")
    assert np.abs(np.asarray(filled).astype(int) - RED[:3]).max() <= 2
    assert alpha is not None
    assert alpha.tobytes() == picture.getchannel("A").tobytes()


def test_a_picture_of_which_nothing_is_seen_is_filled_too() -> None:
    filled, _ = split_alpha(Image.new("RGBA", (20, 20), GREEN), "keep")
    assert filled.mode == "RGB"


@pytest.mark.parametrize(("mode", "color"), [("white", (255, 255, 255)), ("#0000ff", (0, 0, 255))])
def test_transparent_parts_are_put_on_a_color(mode: str, color: tuple[int, int, int]) -> None:
    flat, alpha = split_alpha(half_seen(), mode)
    assert alpha is None
    assert (flat.getpixel((0, 0)), flat.getpixel((60, 0))) == (RED[:3], color)


def test_only_a_picture_with_a_transparent_part_is_read_with_alpha() -> None:
    assert read_with_alpha(png(half_seen())).mode == "RGBA"
    assert read_with_alpha(png(Image.new("RGBA", (20, 20), RED))).mode == "RGB"
    assert read_picture(png(half_seen())).getpixel((60, 0)) == (255, 255, 255)


@pytest.mark.parametrize("name", ["png", "webp", "tiff"])
def test_the_alpha_is_on_the_file_at_the_size_of_the_picture(name: str) -> None:
    alpha = half_seen().getchannel("A")
    with Image.open(io.BytesIO(encode(Image.new("RGB", (32, 24), RED[:3]), name, alpha=alpha))) as image:
        assert (image.mode, image.size) == ("RGBA", (32, 24))
        assert (image.getpixel((2, 2))[3], image.getpixel((30, 2))[3]) == (255, 0)
        again = encode(image, "jpeg")
    assert Image.open(io.BytesIO(again)).getpixel((30, 2)) == (255, 255, 255)


def test_a_tiff_of_16_bits_has_the_alpha_too() -> None:
    data = encode16(np.full((24, 32, 3), 40_000, np.uint16), alpha=half_seen().getchannel("A"))
    picture = read_with_alpha(data)
    assert (picture.mode, picture.getpixel((30, 2))[3]) == ("RGBA", 0)
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "RGBA"


def test_a_mask_with_transparency_means_its_alpha_and_any_other_its_brightness() -> None:
    drawn = read_mask(png(half_seen()))
    assert (drawn.mode, drawn.getpixel((2, 2)), drawn.getpixel((60, 2))) == ("L", 255, 0)
    gray = Image.linear_gradient("L")
    assert read_mask(png(gray)).tobytes() == gray.tobytes()
    opaque = Image.merge("RGBA", (gray, gray, gray, Image.new("L", gray.size, 255)))
    assert read_mask(png(opaque)).tobytes() == gray.tobytes()


@pytest.mark.parametrize("color", [GREEN, RED])
def test_a_mask_in_whose_alpha_nothing_is_drawn_is_refused(color: tuple[int, ...]) -> None:
    with pytest.raises(PictureError, match="everywhere") as caught:
        read_mask(png(Image.new("RGBA", (20, 20), color)))
    assert caught.value.code == "mask_without_shape"
