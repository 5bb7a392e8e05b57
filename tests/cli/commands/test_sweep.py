from pathlib import Path

import pytest
from PIL import Image, ImageFont

from cli.commands.sweep import axes, check_side, label
from cli.errors import InputError
from cli.main import main
from cli.output.contact_sheet import MARGIN, sheet, shorten


def test_one_parameter_makes_a_strip() -> None:
    assert axes(["strength=0.2,0.8"]) == ([{}], [{"strength": "0.2"}, {"strength": "0.8"}])


def test_two_parameters_make_a_table() -> None:
    """The first varies by row. Semicolons separate values that contain commas."""
    rows, columns = axes(["style-blend=3,1;1,3", "seed=1"])
    assert rows == [{"style_blend": "3,1"}, {"style_blend": "1,3"}]
    assert columns == [{"seed": "1"}]


@pytest.mark.parametrize(
    "over", [["strength"], ["strength="], ["=1"], ["seed=1", "seed=2"], ["seed=1", "style=1", "steps=3"]]
)
def test_an_option_that_cannot_be_parsed_is_refused(over: list[str]) -> None:
    with pytest.raises(InputError, match="--over"):
        axes(over)


def test_a_parameter_with_two_values_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (64, 48)).save(tmp_path / "photo.png")
    words = ["sweep", str(tmp_path / "photo.png"), "waves", "--over", "max-size=64,128", "--max-size", "64"]
    assert main([*words, "-o", str(tmp_path / "sheet.png")]) == 2
    assert "max_size is also given by its own option" in capsys.readouterr().err


def test_a_row_is_labeled_with_parameter_and_value() -> None:
    assert label({"strength": "0.2"}) == "strength 0.2"


def test_cells_have_the_size_of_the_largest_image() -> None:
    page = sheet([[Image.new("RGB", (40, 30)), Image.new("RGB", (20, 10), "red")]], columns=["a", "b"], rows=[""])
    assert page.width == 2 * (40 + MARGIN) + MARGIN
    assert page.getpixel((MARGIN + 40 + MARGIN + 5, page.height - MARGIN - 25)) == (255, 0, 0)


def test_the_results_are_written_side_by_side(tmp_path: Path) -> None:
    photo, output = tmp_path / "photo.png", tmp_path / "sheet.png"
    Image.linear_gradient("L").convert("RGB").resize((64, 48)).save(photo)
    words = ["sweep", str(photo), "waves", "--over", "strength=0.2,0.8", "--max-size", "64", "--steps", "2"]
    assert main([*words, "-o", str(output), "-q"]) == 0
    page = Image.open(output)
    assert page.width == 2 * (64 + MARGIN) + MARGIN
    bottom = page.height - MARGIN
    weak, strong = (page.crop((left, bottom - 48, left + 64, bottom)) for left in (MARGIN, MARGIN + 64 + MARGIN))
    assert weak.tobytes() != strong.tobytes()


def test_an_invalid_value_is_refused_before_the_first_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo, output = tmp_path / "photo.png", tmp_path / "sheet.png"
    Image.new("RGB", (64, 48)).save(photo)
    assert main(["sweep", str(photo), "waves", "--over", "strength=0.2,7", "-o", str(output), "-q"]) == 2
    assert "--strength" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("seed 1", "seed 1"),
        ("strength 0.25", "str… 0.25"),
        ("seed 2147483647", "214748…"),
        ("temporal_weight", "tempor…"),
    ],
)
def test_a_label_that_is_too_wide_keeps_its_value(label: str, shown: str) -> None:
    assert shorten(label, ImageFont.load_default(14), 60) == shown


def test_a_sheet_too_large_for_its_format_is_refused_before_the_work() -> None:
    check_side("webp", (4000, 3000), 4096, columns=4, rows=1)
    check_side("png", (4000, 3000), 4096, columns=40, rows=1)
    with pytest.raises(InputError, match=r"20000 pixels long, a webp file has at most 16383; write a \.png file"):
        check_side("webp", (4000, 3000), 4096, columns=5, rows=1)
