"""House rules that a machine can check: length of files, size of folders, names in the import contract, spelling."""

import re
import subprocess
import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = {".py", ".js", ".css", ".lua", ".html", ".sh"}
TEXT = {*CODE, ".md", ".toml", ".yml", ".yaml"}
MOST_LINES = 300
MOST_FILES = 16
VENDORED = "tests/browser/vendor/"
# A file of the torch-free part that is no folder: hatch reads the version from it.
TORCH_FREE_FILES = {"nst_engine.version"}
BRITISH = re.compile(
    r"(?:colour|grey|centre|behaviour|neighbour|licence|artefact"
    r"|(?:normal|optim|styl|initial|organ|recogn|serial|minim|maxim|general|summar|synchron|quant)is(?:e|ing|ation))",
    re.IGNORECASE,
)
# Users hold a style's name and a value of content_loss and style_loss; the last is a mistyped command in a test.
KEPT_WORDS = {"watercolour", "normalised", "stylise"}


def tracked(suffixes: set[str] | None = None) -> list[Path]:
    """Return the files that git tracks, relative to the root."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("no git checkout")
    names = [name for name in done.stdout.split("\0") if name and not name.startswith(VENDORED)]
    paths = [Path(name) for name in names if (ROOT / name).exists()]
    return [path for path in paths if suffixes is None or path.suffix in suffixes]


def test_no_file_has_more_than_300_lines() -> None:
    lines = {str(path): len((ROOT / path).read_text().splitlines()) for path in tracked(CODE)}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


def test_no_folder_has_more_than_16_files() -> None:
    files = Counter(str(path.parent) for path in tracked())
    assert {folder: count for folder, count in files.items() if count > MOST_FILES} == {}


def test_the_torch_free_part_is_named_by_its_folders() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (contract,) = (contract for contract in contracts if contract["id"] == "torch-free")
    named = set(contract["source_modules"]) - TORCH_FREE_FILES
    assert named and {name for name in named if not (ROOT / name.replace(".", "/")).is_dir()} == set()


def test_the_spelling_is_american() -> None:
    paths = [path for path in tracked(TEXT) if path.name != Path(__file__).name]
    words = {str(path): set(re.findall(r"\w+", (ROOT / path).read_text())) - KEPT_WORDS for path in paths}
    assert {name: british for name, found in words.items() if (british := [*filter(BRITISH.search, found)])} == {}
