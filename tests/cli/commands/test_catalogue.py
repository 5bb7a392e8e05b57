import json
from pathlib import Path

import pytest
from PIL import Image

from cli.main import main
from nst_engine.paintings import STYLES
from nst_engine.spec.layers import NETWORKS


def test_models_as_json_carry_their_layers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["vgg19"]["layers"] == list(NETWORKS["vgg19"].layers)


def test_styles_are_listed_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["styles"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in STYLES)


def test_styles_are_written_as_png_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["styles", str(tmp_path / "gallery"), "--size", "32"]) == 0
    written = {path.stem: Image.open(path).size for path in (tmp_path / "gallery").iterdir()}
    assert written == dict.fromkeys(STYLES, (32, 32))
    assert len(capsys.readouterr().out.splitlines()) == len(STYLES)


def test_one_style_is_written_alone(tmp_path: Path) -> None:
    assert main(["styles", str(tmp_path), "--style", "waves", "--size", "32"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["waves.png"]


def test_an_unknown_style_is_refused_with_the_names_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["styles", str(tmp_path), "--style", "fresco"]) == 2
    assert capsys.readouterr().err.startswith("nst: --style: no style is called 'fresco'; there are flow-strokes,")


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["styles", str(tmp_path / "file" / "in"), "--size", "32"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
