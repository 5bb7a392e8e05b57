from pathlib import Path

import pytest
from PIL import Image

from cli.main import main
from nst_engine.paintings import STYLES


def test_styles_are_listed_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["styles"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in STYLES)


def test_styles_are_exported_as_png_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["styles", str(tmp_path / "gallery"), "--size", "32"]) == 0
    exported = {path.stem: Image.open(path) for path in (tmp_path / "gallery").iterdir()}
    assert {name: (image.format, image.size) for name, image in exported.items()} == dict.fromkeys(
        STYLES, ("PNG", (32, 32))
    )
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "gallery" / f"{name}.png") for name in STYLES]


def test_another_seed_gives_another_image_of_the_style(tmp_path: Path) -> None:
    for seed in ("0", "1"):
        assert main(["styles", str(tmp_path / seed), "--style", "waves", "--size", "32", "--seed", seed]) == 0
    first, second = (Image.open(tmp_path / seed / "waves.png").tobytes() for seed in ("0", "1"))
    assert first != second


def test_a_single_style_can_be_exported(tmp_path: Path) -> None:
    assert main(["styles", str(tmp_path), "--style", "waves", "--size", "32"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["waves.png"]


def test_an_unknown_style_is_refused_with_the_known_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["styles", str(tmp_path), "--style", "fresco"]) == 2
    assert capsys.readouterr().err.startswith("nst: --style: unknown style 'fresco'; choose one of flow-strokes,")


def test_a_folder_that_cannot_be_created_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["styles", str(tmp_path / "file" / "in"), "--size", "32"]) == 2
    assert capsys.readouterr().err == f"nst: {tmp_path / 'file' / 'in'}: Not a directory\n"
