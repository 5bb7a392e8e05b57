import os
from pathlib import Path

import pytest

from cli.errors import InputError
from cli.inputs import find_photos, picture_to_submit, read_image, read_style, styles_to_submit
from nst_client import StyleName
from nst_engine.paintings import paint


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_empty_name_does_not_mean_every_photo_of_the_current_folder(folder: Path) -> None:
    paint("mosaic", 48).save(folder / "a.png")
    with pytest.raises(InputError, match="CONTENT is empty"):
        find_photos("")
    with pytest.raises(InputError, match="name of a picture is empty"):
        picture_to_submit("")


def test_files_that_macos_writes_beside_photos_are_no_photos(folder: Path) -> None:
    paint("mosaic", 48).save(folder / "a.png")
    (folder / "._a.png").write_bytes(b"\0\5\x16\7")
    assert find_photos(str(folder)) == [folder / "a.png"]


def test_what_is_no_regular_file_is_not_said_to_be_missing(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    for name, reason in ((".", "a folder, not a picture"), ("pipe", "not a regular file"), ("none", "no such file")):
        with pytest.raises(InputError, match=reason):
            read_image(folder / name)


def test_a_folder_does_not_hide_the_built_in_style_of_its_name(folder: Path) -> None:
    (folder / "waves").mkdir()
    assert read_style("waves", 32).tobytes() == paint("waves", 32).tobytes()
    assert styles_to_submit(["waves"]) == [StyleName("waves")]


def test_a_name_wins_over_a_file_and_a_path_means_the_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paint("mosaic", 48).save(folder / "waves", "PNG")
    assert read_style("waves", 32).size == (32, 32)
    assert capsys.readouterr().err == "waves is the built-in style; write ./waves for the file\n"
    assert read_style("./waves", 32).size == (48, 48)
    assert styles_to_submit(["./waves"]) == [Path("waves")]


def test_names_urls_and_files_keep_their_order(folder: Path) -> None:
    (folder / "mine.png").write_bytes(b"picture")
    url = "https://example.com/painting.jpg"
    styles = styles_to_submit(["waves", "mine.png", url, "mosaic"])
    assert styles == ["waves", Path("mine.png"), url, "mosaic"]
    assert [isinstance(style, StyleName) for style in styles] == [True, False, False, True]
    assert picture_to_submit(url) == url


def test_a_name_that_only_the_service_knows_is_sent() -> None:
    assert styles_to_submit(["fresco", "waves"]) == [StyleName("fresco"), StyleName("waves")]


def test_an_empty_style_is_named() -> None:
    with pytest.raises(InputError, match="STYLE is empty"):
        read_style("", 32)


@pytest.mark.parametrize("styles", [["none.jpg"], ["no/fresco"]])
def test_a_style_that_is_no_file_is_refused_before_the_upload(styles: list[str]) -> None:
    with pytest.raises(InputError, match="neither a file nor a built-in style"):
        styles_to_submit(styles)
