import json
from pathlib import Path

import pytest
from PIL import Image

from cli.main import main
from nst_engine.film.reading import probe
from nst_engine.film.writing import FilmWriter
from nst_engine.images.writing import SOURCE_TYPE
from nst_engine.paintings import paint
from tests.nst_engine.film.clips import SIZE, video

QUICK = ["--max-size", "48", "--steps", "1", "--quiet"]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    painted = paint("pointillism", 96)
    frames = [painted.crop((2 * i, i, 2 * i + SIZE[0], i + SIZE[1])) for i in range(4)]
    path = tmp_path / "clip.mp4"
    path.write_bytes(video(frames, sound="aac"))
    return path


def test_a_film_becomes_a_film(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stylize", str(clip), "waves", "-o", str(tmp_path), "--json", *QUICK]) == 0
    report = json.loads(capsys.readouterr().out)
    output = tmp_path / "clip-waves.mp4"
    assert (report["output"], report["frames"], report["fps"], report["sound"]) == (str(output), 4, 12.0, True)
    with output.open("rb") as file:
        info = probe(file)
    assert (info.frames, info.width, info.height, info.sound) == (4, 48, 36, "aac")
    assert SOURCE_TYPE.encode() in output.read_bytes()
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []


def test_a_part_is_painted_at_another_rate_in_another_format(clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.webp"
    part = ["--fps", "6", "--from", "0", "--to", "0.3"]
    assert main(["stylize", str(clip), "waves", "-o", str(output), *part, *QUICK]) == 0
    with Image.open(output) as picture:
        assert picture.n_frames == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "out.png"], "must end in one of .mp4"),
        (["--fps", "500"], "--fps"),
        (["--from", "3", "--to", "1"], "--to: must be later"),
        (["--from", "9"], "nothing is left"),
        (["--timelapse"], "for photos"),
        (["--alpha", "#ffffff"], "--alpha is for photos"),
        (["--alpha", "red"], "--alpha: red is not"),
        (["-o", "clip.mp4", "--overwrite"], "clip.mp4 is an input of this command"),
    ],
)
def test_what_cannot_be_done_is_said_before_the_work(
    options: list[str],
    message: str,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["stylize", str(clip), "waves", *options, *QUICK]) == 2
    assert message in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4"}


def test_films_of_a_pattern_are_to_be_painted_one_at_a_time(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stylize", str(clip.with_name("*.mp4")), "waves", "-o", str(clip.parent), *QUICK]) == 2
    assert f"{clip}: films are painted one at a time" in " ".join(capsys.readouterr().err.split())


def test_a_photo_has_no_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = tmp_path / "photo.png"
    paint("waves", 64).save(photo)
    assert main(["stylize", str(photo), "waves", "--fps", "12", *QUICK]) == 2
    assert "for films only" in capsys.readouterr().err


def test_a_finished_film_is_kept_if_it_cannot_have_its_name(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output, add = tmp_path / "out.mp4", FilmWriter.add

    def add_while_another_makes_a_folder(writer: FilmWriter, frame: Image.Image) -> None:
        output.mkdir(exist_ok=True)
        add(writer, frame)

    monkeypatch.setattr(FilmWriter, "add", add_while_another_makes_a_folder)
    part = ["--to", "0.1", "--overwrite"]
    assert main(["stylize", str(clip), "waves", "-o", str(output), *part, *QUICK]) == 1
    (kept,) = (path for path in tmp_path.iterdir() if path.name.startswith("nst-"))
    assert f"the result is in {kept}" in " ".join(capsys.readouterr().err.split())
    with kept.open("rb") as file:
        assert probe(file).format == "mp4"


def test_a_film_that_is_interrupted_leaves_nothing(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nst_engine.film.writing.FilmWriter.add", interrupted)
    assert main(["stylize", str(clip), "waves", "-o", str(tmp_path / "out.mp4"), *QUICK]) == 130
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4"}
