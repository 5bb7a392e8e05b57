"""`nst sweep`: what its rows and columns set, and its sheet."""

from pathlib import Path

import pytest
from PIL import Image

from cli.commands.sweep import axes, label
from cli.contact_sheet import MARGIN, sheet
from cli.errors import InputError
from cli.main import main


def test_one_parameter_makes_a_strip() -> None:
    """One row, a column for each value."""
    assert axes(["strength=0.2,0.8"]) == ([{}], [{"strength": "0.2"}, {"strength": "0.8"}])


def test_two_parameters_make_a_table() -> None:
    """The first makes the rows; values with commas are parted by semicolons."""
    rows, columns = axes(["style-blend=3,1;1,3", "seed=1"])
    assert rows == [{"style_blend": "3,1"}, {"style_blend": "1,3"}]
    assert columns == [{"seed": "1"}]


@pytest.mark.parametrize("over", [["strength"], ["strength="], ["=1"], ["seed=1", "seed=2", "seed=3"]])
def test_what_cannot_be_read_is_refused(over: list[str]) -> None:
    """The form is said."""
    with pytest.raises(InputError, match="--over"):
        axes(over)


def test_a_cell_is_named_by_what_it_sets() -> None:
    """Parameter and value."""
    assert label({"strength": "0.2"}) == "strength 0.2"


def test_cells_have_the_size_of_the_largest_picture() -> None:
    """Two columns of 40 pixels, with a margin around."""
    page = sheet([[Image.new("RGB", (40, 30)), Image.new("RGB", (20, 10), "red")]], columns=["a", "b"], rows=[""])
    assert page.width == 2 * (40 + MARGIN) + MARGIN
    assert page.getpixel((MARGIN + 40 + MARGIN + 5, page.height - MARGIN - 25)) == (255, 0, 0)


def test_a_sheet_is_painted(tmp_path: Path) -> None:
    """Two small pictures side by side."""
    photo, output = tmp_path / "photo.png", tmp_path / "sheet.png"
    Image.linear_gradient("L").convert("RGB").resize((64, 48)).save(photo)
    words = ["sweep", str(photo), "waves", "--over", "strength=0.2,0.8", "--max-size", "64", "--steps", "2"]
    assert main([*words, "-o", str(output), "-q"]) == 0
    assert Image.open(output).width > 2 * 64


def test_a_bad_value_is_refused_before_anything_is_painted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line that names the option, and no file."""
    photo, output = tmp_path / "photo.png", tmp_path / "sheet.png"
    Image.new("RGB", (64, 48)).save(photo)
    assert main(["sweep", str(photo), "waves", "--over", "strength=0.2,7", "-o", str(output), "-q"]) == 2
    assert "--strength" in capsys.readouterr().err
    assert not output.exists()
