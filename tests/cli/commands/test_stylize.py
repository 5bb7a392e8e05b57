import json
import sys
from pathlib import Path

import pytest
import tifffile
from PIL import Image

from cli.main import main
from nst_engine.images.writing import is_marked, read_metadata
from nst_engine.paintings import paint

QUICK = ["--max-size", "48", "--steps", "2", "--quiet"]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    paint("pointillism", 64).crop((0, 0, 64, 48)).save(path)
    return path


def test_the_result_is_written_with_its_parameters(photo: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.png"
    assert main(["stylize", str(photo), "waves", "-o", str(output), "--seed", "5", *QUICK]) == 0
    with Image.open(output) as picture:
        assert (picture.format, picture.size) == ("PNG", (48, 36))
    parameters = read_metadata(output.read_bytes())
    assert parameters is not None
    assert (parameters["seed"], parameters["steps"], parameters["model"]) == (5, 2, "lite")


@pytest.mark.parametrize("mark", ["true", "false"])
def test_the_result_is_marked_unless_the_setting_is_off(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    monkeypatch.setenv("NST_MARK_RESULTS", mark)
    assert main(["stylize", str(photo), "waves", "-o", str(tmp_path / "out.jpg"), *QUICK]) == 0
    assert is_marked((tmp_path / "out.jpg").read_bytes()) == (mark == "true")


@pytest.mark.parametrize(
    ("name", "kind"), [("o.jpg", "JPEG"), ("o.JPEG", "JPEG"), ("o.webp", "WEBP"), ("o.tif", "TIFF")]
)
def test_the_extension_decides_the_format(photo: Path, tmp_path: Path, name: str, kind: str) -> None:
    assert main(["stylize", str(photo), "waves", "-o", str(tmp_path / name), *QUICK]) == 0
    with Image.open(tmp_path / name) as picture:
        assert picture.format == kind


def test_a_run_starts_from_the_colors_of_a_transparent_image(photo: Path, tmp_path: Path) -> None:
    opaque, transparent = tmp_path / "opaque.png", tmp_path / "transparent.png"
    Image.new("RGB", (48, 36), (200, 30, 30)).save(opaque)
    Image.new("RGBA", (48, 36), (200, 30, 30, 64)).save(transparent)

    def result(begin: Path) -> bytes:
        output = tmp_path / f"from-{begin.name}"
        assert main(["stylize", str(photo), "waves", "--init-image", str(begin), "-o", str(output), *QUICK]) == 0
        with Image.open(output) as picture:
            return picture.tobytes()

    assert result(transparent) == result(opaque)


def test_each_style_has_its_weight_and_its_mask(photo: Path, tmp_path: Path) -> None:
    for name, box in (("left", (0, 0, 32, 48)), ("right", (32, 0, 64, 48))):
        mask = Image.new("L", (64, 48))
        mask.paste(255, box)
        mask.save(tmp_path / f"{name}.png")
    masks = ["--mask", str(tmp_path / "left.png"), "--mask", str(tmp_path / "right.png")]
    swapped = [masks[0], masks[3], masks[2], masks[1]]

    def result(name: str, *options: str) -> bytes:
        output = tmp_path / f"{name}.png"
        assert main(["stylize", str(photo), "waves", "mosaic", "-o", str(output), *options, *QUICK]) == 0
        with Image.open(output) as image:
            return image.tobytes()

    results = [
        result("plain"),
        result("weighted", "--style-blend", "3,1"),
        result("masked", *masks),
        result("swapped", *swapped),
        result("of the styles", *(option.replace("--mask", "--style-mask") for option in masks)),
    ]
    assert len(set(results)) == 5


def test_the_default_file_name_combines_photo_and_style(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["stylize", "photo.png", "waves", *QUICK]) == 0
    assert (tmp_path / "photo-waves.png").is_file()


def test_a_tiff_has_16_bits(photo: Path, tmp_path: Path) -> None:
    assert main(["stylize", str(photo), "waves", "-o", str(tmp_path / "o.tif"), *QUICK]) == 0
    assert tifffile.imread(tmp_path / "o.tif").dtype == "uint16"


def test_json_reports_the_result(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stylize", str(photo), "waves", "-o", str(tmp_path / "o.png"), "--json", *QUICK]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["output"], report["width"], report["iterations"]) == (str(tmp_path / "o.png"), 48, 2)


def test_previews_and_a_timelapse_are_written_next_to_the_result(photo: Path, tmp_path: Path) -> None:
    more = ["--preview-every", "1", "--timelapse"]
    assert main(["stylize", str(photo), "waves", "-o", str(tmp_path / "o.png"), *more, *QUICK]) == 0
    made = {path.name for path in tmp_path.iterdir()} - {"photo.png"}
    assert made == {"o.png", "o.00001.png", "o.00002.png", "o-timelapse.webp"}
    with Image.open(tmp_path / "o-timelapse.webp") as lapse:
        assert lapse.n_frames == 2


@pytest.fixture
def photos(photo: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(photo.read_bytes())
    (folder / "notes.txt").write_text("not an image")
    return folder


@pytest.mark.parametrize("pattern", ["", "/*.png"])
def test_every_photo_of_a_folder_or_a_pattern_is_stylized(photos: Path, tmp_path: Path, pattern: str) -> None:
    assert main(["stylize", f"{photos}{pattern}", "waves", "-o", str(tmp_path / "out"), *QUICK]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a-waves.png", "b-waves.png"}


def test_a_device_that_is_missing_is_reported_once_for_a_folder(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["stylize", str(photos), "waves", "-o", str(tmp_path / "out"), "--device", "abacus", *QUICK]
    assert main(words) == 2
    assert capsys.readouterr().err.count("no device is called 'abacus'") == 1


def test_a_folder_with_a_single_photo_is_handled_as_a_folder(photo: Path, tmp_path: Path) -> None:
    """The output folder is created, and a second call skips the existing result."""
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    (folder / "a.png").write_bytes(photo.read_bytes())
    assert main(["stylize", str(folder), "waves", "-o", str(out), *QUICK]) == 0
    (out / "a-waves.png").write_text("there")
    assert main(["stylize", str(folder), "waves", "-o", str(out), *QUICK]) == 0
    assert (out / "a-waves.png").read_text() == "there"


def test_existing_results_are_skipped(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a-waves.png").write_text("there")
    assert main(["stylize", str(photos), "waves", "-o", str(out), *QUICK]) == 0
    assert (out / "a-waves.png").read_text() == "there"
    assert (out / "b-waves.png").is_file()


def test_a_second_run_leaves_the_files_of_the_first_out(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["stylize", str(photos), "waves", "-o", str(photos), "--preview-every", "1", "--timelapse", *QUICK]
    assert main(command) == 0
    made = {path: path.stat().st_mtime_ns for path in photos.iterdir()}
    capsys.readouterr()
    assert main(command) == 0
    assert {path: path.stat().st_mtime_ns for path in photos.iterdir()} == made
    left_out, skipped = capsys.readouterr().err.splitlines()
    assert left_out.startswith("left out 8 of 10 images")
    assert skipped == "skipped 2 of 2 photos, which have a result; --overwrite replaces it"


def test_a_preview_that_cannot_be_written_does_not_end_the_run(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "o.00001.png").mkdir()
    assert main(["stylize", str(photo), "waves", "-o", str(tmp_path / "o.png"), "--preview-every", "1", *QUICK]) == 0
    assert (tmp_path / "o.png").is_file()
    assert "o.00001.png: Is a directory; no more previews are written" in capsys.readouterr().err


def test_a_damaged_photo_does_not_stop_the_others(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "a.png").write_text("only words")
    assert main(["stylize", str(photos), "waves", "-o", str(tmp_path / "out"), *QUICK]) == 2
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"b-waves.png"}
    assert "nst: 1 of 2 photos failed" in capsys.readouterr().err


REFUSED = {
    "no such photo": (["none.png", "waves", "-o", "out.png"], "none.png: no such file"),
    "not an image": (["words.png", "waves", "-o", "out.png"], "words.png: the file is not a picture"),
    "an empty file": (["empty.png", "waves", "-o", "out.png"], "empty.png: the file is empty"),
    "no such style": (["photo.png", "fresco", "-o", "out.png"], "fresco: neither a file nor a built-in style"),
    "no format": (["photo.png", "waves", "-o", "out.gif"], "--output: out.gif must end in one of"),
    "nothing in the folder": (["nothing", "waves", "-o", "out.png"], "nothing: no images found"),
    "a pattern of nothing": (["*.heic", "waves", "-o", "out.png"], "*.heic: no images found"),
    "one file for many": (["*.png", "waves", "-o", "out.png"], "--output: out.png is a single file, but there are"),
    "no folder": (["photo.png", "waves", "-o", "nowhere/out.png"], "--output: the folder nowhere does not exist"),
    "no size": (["photo.png", "waves", "-o", "out.png", "--max-size", "0"], "--max-size: "),
    "a negative size": (["photo.png", "waves", "-o", "out.png", "--max-size", "-1"], "--max-size: "),
    "an unknown model": (["photo.png", "waves", "-o", "out.png", "--model", "vgg99"], "--model: "),
    "an unknown layer": (["photo.png", "waves", "-o", "out.png", "--content-layers", "conv9_9"], "--content-layers: "),
    "no weights": (["photo.png", "waves", "-o", "out.png", "--model", "vgg16"], "`nst weights pull vgg16`"),
    "an unknown device": (
        ["photo.png", "waves", "-o", "out.png", "--device", "abacus"],
        "--device: no device is called 'abacus'",
    ),
    "no such device": (
        ["photo.png", "waves", "-o", "out.png", "--device", "cuda:77"],
        "--device: this machine has no device cuda:77",
    ),
    "one mask for two styles": (
        ["photo.png", "waves", "discs", "-o", "out.png", "--mask", "photo.png"],
        "--mask: give no mask, or one for each of the 2 styles",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_invalid_input_is_one_line_and_code_2_and_leaves_no_file(
    what: str, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, message = REFUSED[what]
    (tmp_path / "nothing").mkdir()
    (tmp_path / "words.png").write_text("only words")
    (tmp_path / "empty.png").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    before = set(tmp_path.iterdir())

    assert main(["stylize", *arguments]) == 2

    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert set(tmp_path.iterdir()) == before


def test_a_result_too_small_for_the_network_is_refused_without_torch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nst_engine.networks.features", None)  # importing it fails
    for size, message in (
        ((640, 40), "--max-size: lite needs at least 32 px on the short side, the result would have 3; "),
        ((20, 16), "content: lite needs at least 32 px on the short side, the result would have 16; "),
    ):
        Image.new("RGB", size).save(tmp_path / "small.png")
        assert main(["stylize", str(tmp_path / "small.png"), "waves", "-o", str(tmp_path / "o.png"), *QUICK]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "o.png").exists()
