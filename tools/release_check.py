"""Check that a checkout can be released: build its distributions and use them as a user would (`make release-check`).

Builds wheel and sdist, and compares the wheel with one built from the sdist. Then installs the wheel with each extra
into a clean environment, outside the checkout: `nst --version` must print the version, `nst doctor` must find nothing
broken, and the purpose of the extra must work.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nst_engine.version import __version__

ROOT = Path(__file__).parents[1]
CLIENT = "from nst_client import Client; Client().close()"
NO_TORCH = "import importlib.util as u, sys; sys.exit(any(map(u.find_spec, ['torch', 'celery'])))"
API_WITHOUT_TORCH = """
import sys
from api.app import create_app
assert create_app().openapi()["paths"] and "torch" not in sys.modules
"""
PHOTO = "from nst_engine.paintings import paint; paint('discs', 48).save('photo.png')"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """An extra, the commands that must succeed with it, and what `nst doctor` must report as absent."""

    extra: str
    commands: tuple[tuple[str, ...], ...]
    absent: str


PYTHON = ("python", "-P", "-c")
TRIALS = (
    Trial(
        extra="",
        commands=(
            (*PYTHON, CLIENT),
            (*PYTHON, NO_TORCH),
            ("nst", "jobs", "submit", "--help"),
            ("nst", "presets"),
            ("nst", "config"),
        ),
        absent="engine redis",
    ),
    Trial(extra="api", commands=((*PYTHON, API_WITHOUT_TORCH), ("nst", "styles"), ("nst", "config")), absent="engine"),
    Trial(
        extra="worker",
        commands=(
            (*PYTHON, "import worker.main"),
            (*PYTHON, PHOTO),
            ("nst", "stylize", "photo.png", "waves", "--steps", "2", "--quiet"),
        ),
        absent="",
    ),
)


def main() -> None:
    """Run the selected checks; stop at the first failure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [*(trial.extra or "none" for trial in TRIALS), "client"]
    parser.add_argument("extras", nargs="*", metavar="EXTRA", help=f"check only these: {', '.join(names)}")
    parser.add_argument("--uv", default="uv", help="path of uv")
    parser.add_argument("--python", default=sys.executable, help="Python of the clean environments")
    options = parser.parse_args()
    os.environ["UV_PYTHON"] = options.python
    os.environ["UV"] = str(Path(options.uv).resolve()) if "/" in options.uv else options.uv
    check_changelog((ROOT / "CHANGELOG.md").read_text(), __version__)
    with tempfile.TemporaryDirectory(prefix="nst-release-") as folder:
        wheel = build(Path(folder))
        for trial in TRIALS:
            if not options.extras or (trial.extra or "none") in options.extras:
                install(trial, wheel, Path(folder) / (trial.extra or "none"))
        if not options.extras or "client" in options.extras:
            try_client(Path(folder) / "client")
    say(f"{wheel.name} can be released")


def check_changelog(text: str, version: str) -> None:
    """Require entries for this version, or entries under Unreleased."""
    sections = dict(re.findall(r"^## \[([^]]+)\][^\n]*\n(.*?)(?=^## \[|\Z)", text, re.DOTALL | re.MULTILINE))
    entries = sections.get(version, "") or sections.get("Unreleased", "")
    if "\n- " not in entries:
        raise SystemExit(f"CHANGELOG.md has no entries for {version}")


def build(folder: Path) -> Path:
    """Build sdist and wheel into dist/; a wheel built from the sdist must contain the same files."""
    run("uv", "build", "--quiet", "--out-dir", str(folder / "built"), str(ROOT))
    (wheel,), (sdist,) = list((folder / "built").glob("*.whl")), list((folder / "built").glob("*.tar.gz"))
    run("uv", "build", "--quiet", "--wheel", "--out-dir", str(folder / "again"), str(sdist))
    (again,) = (folder / "again").glob("*.whl")
    if contents(wheel) != contents(again):
        raise SystemExit(f"the wheel built from {sdist.name} differs: {sorted(contents(wheel) ^ contents(again))[:5]}")
    if f"-{__version__}-" not in wheel.name:
        raise SystemExit(f"{wheel.name} is not version {__version__}")
    keep(wheel, sdist)
    return wheel


def keep(*files: Path) -> None:
    """Copy built files to dist/ and print their sizes."""
    (ROOT / "dist").mkdir(exist_ok=True)
    for file in files:
        shutil.copy(file, ROOT / "dist")
        say(f"{file.name}: {file.stat().st_size / 1e6:.2f} MB")


def contents(wheel: Path) -> set[str]:
    """List a wheel's files."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def install(trial: Trial, wheel: Path, folder: Path) -> None:
    """Install the wheel with an extra, and run its commands in an empty folder."""
    folder.mkdir()
    python = folder / "venv" / "bin" / "python"
    run("uv", "venv", "--quiet", str(folder / "venv"))
    name = f"{wheel}[{trial.extra}]" if trial.extra else str(wheel)
    run("uv", "pip", "install", "--quiet", "--python", str(python), name)
    home = folder / "home"
    home.mkdir()
    environment = {"PATH": f"{python.parent}:/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8"}
    found = run("nst", "--version", cwd=home, env=environment)
    if found != f"nst {__version__}\n":
        raise SystemExit(f"nst --version prints {found!r} instead of {__version__}")
    report = run("nst", "doctor", cwd=home, env=environment)
    absent = re.findall(r"^(\w[\w ]*?) +absent", report, re.MULTILINE)
    if missed := set(trial.absent.split()) - set(absent):
        raise SystemExit(f"nst doctor does not report {', '.join(missed)} as absent:\n{report}")
    for command in trial.commands:
        run(*command, cwd=home, env=environment)
    say(f"{trial.extra or 'no extra'}: works")


def try_client(folder: Path) -> None:
    """Build the client's own wheel, and install it alone."""
    run("uv", "build", "--quiet", "--wheel", "--out-dir", str(folder / "built"), str(ROOT / "nst_client"))
    (wheel,) = (folder / "built").glob("*.whl")
    keep(wheel)
    if strange := {name for name in contents(wheel) if not name.startswith("nst_client")}:
        raise SystemExit(f"{wheel.name} contains {', '.join(sorted(strange))}")
    run("uv", "venv", "--quiet", str(folder / "venv"))
    python = folder / "venv" / "bin" / "python"
    run("uv", "pip", "install", "--quiet", "--python", str(python), str(wheel))
    run("python", "-P", "-c", CLIENT, cwd=folder, env={"PATH": str(python.parent)})
    say(f"{wheel.name}: works")


def run(*command: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a command and return its output; exit if it fails."""
    words = [os.environ["UV"] if command[0] == "uv" else command[0], *command[1:]]
    if env is not None:
        words[0] = str(Path(env["PATH"].partition(":")[0]) / words[0])
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)[:200]}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
