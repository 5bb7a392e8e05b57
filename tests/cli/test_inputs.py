from pathlib import Path

import pytest

from cli.errors import InputError
from cli.inputs import read_style, styles_to_submit
from nst_engine.images.reading import read_picture
from nst_engine.paintings import paint


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_does_not_hide_the_built_in_style_of_its_name(folder: Path) -> None:
    (folder / "waves").mkdir()
    assert read_style("waves", 32).tobytes() == paint("waves", 32).tobytes()
    assert styles_to_submit(["waves"]) == ([], "waves")


def test_a_name_wins_over_a_file_and_a_path_means_the_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paint("mosaic", 48).save(folder / "waves", "PNG")
    assert read_style("waves", 32).size == (32, 32)
    assert capsys.readouterr().err == "waves is the built-in style; write ./waves for the file\n"
    assert read_style("./waves", 32).size == (48, 48)
    assert styles_to_submit(["./waves"]) == ([Path("waves")], None)


def test_built_in_styles_among_several_are_painted_and_uploaded(folder: Path) -> None:
    """The service takes the name of one style only."""
    (folder / "mine.png").write_bytes(b"picture")
    (waves, mine), name = styles_to_submit(["waves", "mine.png"])
    assert (mine, name) == (Path("mine.png"), None)
    assert isinstance(waves, bytes)
    (folder / "waves.png").write_bytes(waves)
    assert read_picture(folder / "waves.png").convert("RGB").tobytes() == paint("waves").tobytes()


def test_a_name_that_only_the_service_knows_is_sent() -> None:
    assert styles_to_submit(["fresco"]) == ([], "fresco")


@pytest.mark.parametrize("styles", [["none.jpg"], ["no/fresco"], ["waves", "fresco"]])
def test_a_style_that_is_no_file_is_refused_before_the_upload(styles: list[str]) -> None:
    with pytest.raises(InputError, match="neither a file nor a built-in style"):
        styles_to_submit(styles)
