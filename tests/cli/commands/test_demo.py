import io
import sys

import pytest
from PIL import Image

from cli.commands.demo import load_photo, side_by_side
from cli.errors import CommandError


def test_the_photo_is_an_rgb_image_of_a_useful_size() -> None:
    photo = load_photo()
    assert photo.mode == "RGB"
    assert min(photo.size) >= 256


def test_the_comparison_shows_photo_style_and_result_side_by_side() -> None:
    file = io.BytesIO()
    Image.new("RGB", (60, 40), "red").save(file, "PNG")
    sheet = side_by_side(Image.new("RGB", (300, 200), "blue"), Image.new("RGB", (500, 500), "green"), file.getvalue())
    assert sheet.height == 40
    shown = [sheet.getpixel((x, 20)) for x in (30, 60 + 10 + 20, sheet.width - 30)]
    assert shown == [(0, 0, 255), (0, 128, 0), (255, 0, 0)]


def test_without_scikit_image_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(CommandError, match=r"nst\[embedded\]"):
        load_photo()
