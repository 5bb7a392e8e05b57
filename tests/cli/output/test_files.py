import errno
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from cli.errors import CommandError, InputError
from cli.main import main
from cli.output import files
from cli.output.files import FILM_FORMATS, FORMATS, check_output, output_paths, write_file
from cli.output.writer import OutputWriter
from nst_engine.film.formats import WRITABLE as FILMS
from nst_engine.images.writing import WRITABLE, encode
from nst_engine.paintings import paint

WITHOUT_PILLOW = """
import sys
from pathlib import Path
sys.modules["PIL"] = sys.modules["numpy"] = None
from cli.output.files import write_file, image_format
write_file(Path(sys.argv[1]), image_format(Path(sys.argv[1])).encode())
"""


def test_the_formats_are_those_of_the_engine() -> None:
    assert set(FORMATS.values()) == set(WRITABLE)
    assert all(FORMATS[form.suffix] == name for name, form in WRITABLE.items())
    assert {form.suffix: name for name, form in FILMS.items()} == FILM_FORMATS


def test_a_downloaded_image_is_written_without_pillow(tmp_path: Path) -> None:
    """A plain installation has neither Pillow nor numpy."""
    output = tmp_path / "painted.webp"
    subprocess.run([sys.executable, "-c", WITHOUT_PILLOW, str(output)], check=True, timeout=60)
    assert output.read_bytes() == b"webp"


def test_an_unknown_format_is_refused_before_a_job_is_submitted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = "http://127.0.0.1:1"  # connecting would fail with another error
    assert main(["jobs", "submit", "photo.jpg", "waves", "-o", "out.gif", "--server", nowhere]) == 2
    assert "out.gif must end in one of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("photos", "names"),
    [
        (["a.jpg", "b.jpg"], ["a", "b"]),
        (["a.jpg", "a.png", "b.png"], ["a-jpg", "a-png", "b"]),
        (["a.jpg", "A.png"], ["a-jpg", "A-png"]),
        (["x/a.jpg", "y/a.jpg"], ["x-a-jpg", "y-a-jpg"]),
        (["a.jpg", "a.png", "a-jpg.png"], ["a-jpg", "a-png", "a-jpg-png"]),
    ],
)
def test_photos_of_one_name_have_results_of_their_own(photos: list[str], names: list[str], tmp_path: Path) -> None:
    paths = output_paths(tmp_path, [tmp_path / photo for photo in photos], ["waves"], many=True)
    assert [path.name for path in paths] == [f"{name}-waves.png" for name in names]


INPUT = "in.png"
SERVER = ["--server", "http://127.0.0.1:1"]  # connecting would fail with another error
REPLACING = {
    "photo": ["stylize", INPUT, "waves", "-o", INPUT],
    "photo, by another path": ["stylize", INPUT, "waves", "-o", f"photos/../{INPUT}"],
    "photo of a folder": ["stylize", "photos", "waves", "-o", "photos"],
    "style": ["stylize", "photo.png", INPUT, "-o", INPUT],
    "mask": ["stylize", "photo.png", "waves", "--mask", INPUT, "-o", INPUT],
    "style mask": ["stylize", "photo.png", "waves", "--style-mask", INPUT, "-o", INPUT],
    "initial image": ["stylize", "photo.png", "waves", "--init-image", INPUT, "-o", INPUT],
    "preview": ["stylize", "photo.png", "result.00002.png", "-o", "result.png", "--preview-every", "2"],
    "sweep": ["sweep", INPUT, "waves", "--over", "seed=1,2", "-o", INPUT],
    "submitted photo": ["jobs", "submit", INPUT, "waves", "-o", INPUT, *SERVER],
    "submitted mask": ["jobs", "submit", "photo.png", "waves", "--mask", INPUT, "-o", INPUT, *SERVER],
}


@pytest.mark.parametrize("what", REPLACING)
def test_a_result_never_replaces_an_input(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for name in ("photo.png", INPUT, "result.00002.png", "photos/a.png", "photos/a-waves.png"):
        Path(name).write_text("no image: reading it would fail with another error")
    assert main([*REPLACING[what], "--overwrite"]) == 2
    error = capsys.readouterr().err
    assert "is an input of this command; name another file" in error
    assert error.count("\n") == 1


def test_previews_replace_those_of_an_interrupted_run_but_no_other_file(tmp_path: Path) -> None:
    preview, other = tmp_path / "a.00010.png", tmp_path / "a.00020.png"
    preview.write_bytes(encode(paint("waves", 16), "png", metadata={"steps": 30}))
    writer = OutputWriter(path=tmp_path / "a.png", parameters={}, preview_every=10)
    writer.check()
    other.write_text("notes")
    with pytest.raises(InputError, match=r"20\.png already exists"):
        writer.check()
    replace(writer, overwrite=True).check()
    replace(writer, preview_every=15).check()
    assert other.read_text() == "notes"


EXISTING = {
    "stylize": ["stylize", "photo.png", "waves", "-o", "there.png"],
    "stylize without -o": ["stylize", "there.png", "waves"],
    "sweep": ["sweep", "photo.png", "waves", "--over", "seed=1,2", "-o", "there.png"],
    "jobs submit": ["jobs", "submit", "photo.png", "waves", "-o", "there.png", "--server", "http://127.0.0.1:1"],
    "jobs result": ["jobs", "result", "j1", "-o", "there.png", "--server", "http://127.0.0.1:1"],
    "styles": ["styles", ".", "--style", "waves", "--size", "16"],
}


@pytest.mark.parametrize("what", EXISTING)
def test_an_existing_file_is_refused_before_the_work_and_the_option_named(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("photo.png", "there.png", "there-waves.png", "waves.png"):
        Path(name).write_text("no image: reading it would fail with another error")
    assert main(EXISTING[what]) == 2
    error = capsys.readouterr().err
    assert "already exists; --overwrite replaces it" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [("n" * 300 + ".png", "File name too long"), ("folder.png", "it is a folder"), ("gone/a.png", "cannot write to")],
)
def test_a_file_that_cannot_be_written_is_refused_before_the_work(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InputError, match=message):
        check_output(tmp_path / name, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


def test_a_name_of_the_greatest_length_is_written(tmp_path: Path) -> None:
    output = tmp_path / ("n" * 251 + ".png")
    check_output(output, overwrite=False)
    write_file(output, b"image")
    assert output.read_bytes() == b"image"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_an_image_that_cannot_be_written_is_kept_in_another_folder_and_the_message_names_it(
    tmp_path: Path, temporary: Path
) -> None:
    with pytest.raises(CommandError) as caught:
        write_file(tmp_path / "gone" / "a.webp", b"image")
    (kept,) = temporary.iterdir()
    assert (kept.suffix, kept.read_bytes()) == (".webp", b"image")
    assert str(caught.value).endswith(f"No such file or directory; the result is in {kept}")
    assert caught.value.exit_code == 1


def test_a_file_that_appears_during_the_work_is_not_replaced(tmp_path: Path, temporary: Path) -> None:
    output = tmp_path / "a.png"
    output.write_text("there")
    with pytest.raises(CommandError, match="File exists; the result is in"):
        write_file(output, b"image", overwrite=False)
    assert output.read_text() == "there"
    assert [path.read_bytes() for path in temporary.iterdir()] == [b"image"]


def test_of_two_runs_that_end_at_once_one_keeps_the_name(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, replace_file = tmp_path / "a.png", files.replace_file

    def write_during_the_other(path: Path, data: bytes) -> None:
        monkeypatch.setattr(files, "replace_file", replace_file)
        with pytest.raises(CommandError, match="File exists; the result is in"):
            write_file(output, b"second", overwrite=False)
        replace_file(path, data)

    monkeypatch.setattr(files, "replace_file", write_during_the_other)
    write_file(output, b"first", overwrite=False)
    assert output.read_bytes() == b"first"
    assert [path.read_bytes() for path in temporary.iterdir()] == [b"second"]


def test_a_new_file_that_cannot_be_written_leaves_none(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_path: Path, _data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "replace_file", fail)
    with pytest.raises(CommandError, match="No space left"):
        write_file(tmp_path / "a.png", b"image", overwrite=False)
    assert list(tmp_path.iterdir()) == [temporary]
