"""The README's commands, run as they stand there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from nst_engine.paintings import paint
from tests.acceptance.service import ONE_THREAD, Service

pytestmark = pytest.mark.acceptance
README = (Path(__file__).parents[2] / "README.md").read_text()
QUICK = "max_size=64 -F steps=4"
BLOCKS = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)


def block(word: str) -> str:
    """Return the one block of commands that has this word."""
    (found,) = [block for block in BLOCKS if word in block]
    return found


def python(word: str) -> str:
    """Return the one block of Python that has this word."""
    (found,) = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if word in block]
    return found


def run(commands: str, folder: Path) -> None:
    """Run commands in a folder with a photo, as a user with `nst` on PATH would."""
    paint("pointillism", 256).save(folder / "photo.jpg")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8", **ONE_THREAD}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on PATH")
def test_the_curl_example_paints_the_photo(service: Service, tmp_path: Path) -> None:
    """As written, but for the port, which others may have taken, and size and steps, for time."""
    run(block("curl").replace("http://127.0.0.1:8000", service.url).replace("max_size=256", QUICK), tmp_path)
    with Image.open(tmp_path / "painted.png") as picture:
        assert picture.size == (64, 64)


def test_the_commands_without_a_server_paint_the_photo(tmp_path: Path) -> None:
    """As written, but for size and steps, for time."""
    run(block("nst stylize").replace("--max-size 256", "--max-size 64 --steps 4"), tmp_path)
    with Image.open(tmp_path / "painted.png") as picture:
        assert picture.size == (64, 64)
    assert (tmp_path / "gallery" / "waves.png").is_file()


def test_the_library_example_paints_the_photo(tmp_path: Path) -> None:
    example = python("import stylize")
    config = "resolve('default', {'steps': 2, 'max_size': 64})"
    quick = example.replace('paint("waves"))]', f'paint("waves"))], {config}')
    quick = f"from nst_engine import resolve\n{quick}"
    run(f"{sys.executable} - <<'END'\n{quick}END", tmp_path)
    with Image.open(tmp_path / "painted.png") as picture:
        assert picture.size == (64, 64)


def test_the_client_example_paints_the_photo(service: Service, tmp_path: Path) -> None:
    """As written, but for the port and size and steps, for time."""
    example = python("nst_client").replace("http://127.0.0.1:8000", service.url)
    run(f"{sys.executable} - <<'END'\n{example.replace('max_size=256', 'max_size=64, steps=4')}END", tmp_path)
    with Image.open(tmp_path / "painted.png") as picture:
        assert picture.size == (64, 64)
