"""House rules that a machine can check: the length of files, the size of folders, the names in the import contract."""

import subprocess
import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = {".py", ".js", ".css", ".lua", ".html", ".sh"}
MOST_LINES = 300
MOST_FILES = 16
# A file in the torch-free part that is no folder: hatch reads the version from it.
TORCH_FREE_FILES = {"nst_engine.version"}
VENDORED = {"tests/browser/vendor/axe.min.js"}

# Still to be split; this list is empty when that is done.
TOO_LONG = {
    "nst_engine/run.py",
    "nst_engine/spec/config.py",
    "tests/jobs/store/test_lease.py",
    "tests/nst_engine/test_run.py",
    "tests/worker/test_runner.py",
}
TOO_FULL = {"api/page/js"}


def tracked() -> list[Path]:
    """Return the files that git tracks, relative to the root."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("no git checkout")
    return [Path(name) for name in done.stdout.split("\0") if name and (ROOT / name).exists()]


def test_no_file_is_longer_than_a_reader_keeps_in_mind() -> None:
    code = [path for path in tracked() if path.suffix in CODE and str(path) not in VENDORED]
    lines = {str(path): len((ROOT / path).read_text().splitlines()) for path in code}
    assert {name: count for name, count in lines.items() if count > MOST_LINES and name not in TOO_LONG} == {}


def test_no_folder_holds_more_files_than_a_reader_takes_in() -> None:
    files = Counter(path.parent for path in tracked())
    full = {str(folder): count for folder, count in files.items() if count > MOST_FILES}
    assert {name: count for name, count in full.items() if name not in TOO_FULL} == {}


def test_the_torch_free_part_is_named_by_its_folders() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (contract,) = (contract for contract in contracts if contract["id"] == "torch-free")
    named = set(contract["source_modules"]) - TORCH_FREE_FILES
    assert named and {name for name in named if not (ROOT / name.replace(".", "/")).is_dir()} == set()
