"""The rule about skipped tests, on a temporary project."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SKIPPED = "import pytest\n\ndef test_it():\n    pytest.skip('no mood')\n"
NOT_COLLECTED = "import pytest\n\npytest.importorskip('no_such_package')\n"
FOR_A_BROWSER = "import pytest\n\n@pytest.mark.browser\ndef test_it():\n    raise AssertionError\n"
FOR_THE_SAMPLES = "import pytest\n\n@pytest.mark.shared\ndef test_it():\n    raise AssertionError\n"


def run(folder: Path, test: str, *options: str, **environment: str) -> tuple[int, str]:
    """Run one test file without browser and sample data; return the exit code and the output."""
    (folder / "test_one.py").write_text(test)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    browser\n    shared\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.plugins.skips", "-rs", *options, str(folder)],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": os.devnull, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a project folder without siblings."""
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


@pytest.mark.parametrize("test", [SKIPPED, NOT_COLLECTED])
def test_a_skip_is_a_failure_in_ci(folder: Path, test: str) -> None:
    code, told = run(folder, test, CI="true")
    assert code != 0
    assert "skipped in CI without a stated reason" in told


@pytest.mark.parametrize("test", [SKIPPED, NOT_COLLECTED])
def test_outside_ci_a_skip_stays_a_skip(folder: Path, test: str) -> None:
    assert "1 skipped" in run(folder, test)[1]


@pytest.mark.parametrize(
    ("test", "reason"),
    [(FOR_A_BROWSER, "no Chromium on PATH"), (FOR_THE_SAMPLES, "no ../shared folder with sample data")],
)
def test_a_tool_that_the_machine_lacks_is_a_reason_to_skip_in_ci(folder: Path, test: str, reason: str) -> None:
    code, told = run(folder, test, CI="true")
    assert code == 0
    assert reason in told


@pytest.mark.parametrize("options", [(), ("-p", "xdist.plugin", "-n", "1")])
def test_one_line_says_how_to_get_the_programs_that_are_missing(folder: Path, options: tuple[str, ...]) -> None:
    _, told = run(folder, FOR_A_BROWSER, *options)
    assert told.count("Skipped tests: 1 need Chromium (on Debian: apt-get install chromium-headless-shell).") == 1


def test_no_program_is_named_if_none_is_missing(folder: Path) -> None:
    assert "Skipped tests" not in run(folder, SKIPPED)[1]
