"""The examples of README.md and docs/ are run, one page at a time, in a temporary folder.

Sizes and steps are reduced, and the URL of the service is replaced by that of the test's service.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from cli.main import main
from nst_engine.paintings import paint
from tests.documents.examples import PAGES, RUN, Example, examples
from tests.stack.process import ONE_THREAD
from tests.stack.service import Service

RUN_PAGES = {
    str(page.name): found
    for page in PAGES
    if (found := [e for e in examples(page) if e.language in RUN and e.reason is None])
}
NEEDED = {"bash": "curl", "python": "bash", "js": "node"}
PROGRAMS = {"bash": ["bash", "-euo", "pipefail"], "python": [sys.executable], "js": ["node"]}
SMALL = ("--max-size", "64", "--steps", "4")
WRITTEN = re.compile(r"""(?:-o |save\("|writeFile\(")([\w-][\w./-]*\.\w+)""")
NST = """#!/bin/bash
case "$1 $2" in stylize\\ *|sweep\\ *|"jobs submit") set -- "$@" {small};; esac
exec {nst} "$@"
"""
pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(400)]


def quick(example: Example, url: str) -> str:
    """Return an example's text with a small size, few steps and the URL of the test's service."""
    small = {
        "bash": [
            (r"-F max_size=\d+", "-F max_size=64 -F steps=4"),
            (r'"max_size": \d+', '"max_size": 64, "steps": 4'),
            (r"sleep 1\b", "sleep 0.1"),
        ],
        "python": [(r"max_size=\d+", "max_size=64, steps=4"), (r'"max_size": \d+', '"max_size": 64, "steps": 4')],
        "js": [
            (r"max_size: \d+", "max_size: 64, steps: 4"),
            (r'(\w+)\.append\("max_size", \d+\)', r'\1.append("max_size", 64); \1.append("steps", 4)'),
        ],
    }
    text = example.text.replace("http://127.0.0.1:8000", url)
    for pattern, replacement in small[example.language]:
        text = re.sub(pattern, replacement, text)
    return text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a photo, a painting, and an `nst` that makes small pictures."""
    paint("pointillism", 128).save(tmp_path / "photo.jpg")
    paint("watercolour", 128).save(tmp_path / "painting.jpg")
    shim = tmp_path / ".bin" / "nst"
    shim.parent.mkdir()
    shim.write_text(NST.format(nst=Path(sys.executable).with_name("nst"), small=" ".join(SMALL)))
    shim.chmod(0o755)
    return tmp_path


def alone(text: str) -> list[list[str]] | None:
    """Return the words of each line if all lines are calls of `nst` that need no shell."""
    if re.search(r"[$|&;<>()]", re.sub("#.*", "", text)):
        return None
    lines = [shlex.split(line, comments=True) for line in text.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line] if all(line[0] == "nst" for line in lines if line) else None


def run(example: Example, folder: Path, url: str) -> None:
    """Run an example in a new process, but calls of `nst` in this one, where torch is already loaded."""
    if example.language == "bash" and (lines := alone(example.text)):
        for words in lines:
            paints = words[1] in ("stylize", "sweep") or words[1:3] == ["jobs", "submit"]
            assert main([*words[1:], *(SMALL if paints else ())]) == 0, f"{example}: {words}"
        return
    if shutil.which(NEEDED[example.language]) is None:
        pytest.skip(f"no {NEEDED[example.language]} on PATH")
    script = folder / {"bash": ".block.sh", "python": ".block.py", "js": ".block.mjs"}[example.language]
    script.write_text(quick(example, url))
    command = [*PROGRAMS[example.language], str(script)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, f"{example}\n{done.stdout[-1000:]}{done.stderr[-2000:]}"


@pytest.mark.parametrize("page", RUN_PAGES)
def test_the_examples_of_a_page_work(
    page: str, folder: Path, service: Service, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {
        "PATH": os.pathsep.join([str(folder / ".bin"), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(folder),
        "NST_SERVER": service.url,
        "NST_REDIS_URL": redis_url,  # for operators' commands: a key created here must not lock the test's service
        **ONE_THREAD,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)
    for example in RUN_PAGES[page]:
        run(example, folder, service.url)
        for name in WRITTEN.findall(example.text):
            check_written(folder / name, str(example))


def check_written(path: Path, where: str) -> None:
    """Check that a file exists that an example writes, and that it is a picture if its name says so."""
    assert path.exists(), f"{where}: no {path.name}"
    if path.suffix in (".png", ".jpg", ".webp"):
        with Image.open(path) as picture:
            assert max(picture.size) >= 64, where
