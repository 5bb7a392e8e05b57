"""The pictures of ../shared/cases, of kinds that users report, come out right over HTTP and through the command."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cli.main import main
from cli.stylizer import Stylizer
from tests.stack.service import Service

FOLDER = Path(__file__).parents[3] / "shared" / "cases"
EXPECTED: dict[str, Any] = json.loads((FOLDER / "cases.json").read_text()) if FOLDER.is_dir() else {"none": {}}
TOLERANCE = 4  # of each channel
pytestmark = [pytest.mark.acceptance, pytest.mark.shared, pytest.mark.parametrize("name", EXPECTED)]


def check(name: str, picture: Image.Image) -> None:
    """Compare a picture with what it must become; transparency shows white."""
    expected, rgba = EXPECTED[name], picture.convert("RGBA")
    if "size" in expected:
        assert picture.size == tuple(expected["size"])
    shown = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    for point, value in zip(expected.get("points", ()), expected.get("values", ()), strict=True):
        found = shown.getpixel(tuple(point))
        assert isinstance(found, tuple)
        assert all(abs(a - b) <= TOLERANCE for a, b in zip(found, value, strict=False)), (point, found, value)


def test_over_http(service: Service, name: str) -> None:
    files = {"content": (name, (FOLDER / name).read_bytes())}
    job = service.create(files, style_name="waves", max_size="64", steps="1")  # checks that the status is 202
    check(name, Image.open(io.BytesIO(service.http.get(job["urls"]["content"]).content)))
    assert service.wait_for(job["id"])["status"] == "succeeded"


def test_through_the_command(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos: list[Image.Image] = []
    run, output = Stylizer.run, tmp_path / "out.png"

    def record(self: Stylizer, photo: Image.Image, **options: Any) -> Any:
        photos.append(photo)
        return run(self, photo, **options)

    monkeypatch.setattr(Stylizer, "run", record)
    options = ("--alpha", "white", "--max-size", "64", "--steps", "1", "--quiet")
    assert main(["stylize", str(FOLDER / name), "waves", "-o", str(output), *options]) == 0
    check(name, photos[0])
    with Image.open(output) as result:
        assert result.size == photos[0].size
