"""Is this checkout fit to be released? `make release-check` builds it and tries it as a user would.

Wheel and sdist are built; the wheel made from the sdist has to be the same. Then the wheel is installed with each extra
in an environment of its own, in a folder that has nothing of the checkout: it must tell its version, `nst doctor` must
find nothing broken, and what that extra is for must work.
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
SERVED = """
import sys
from api.app import create_app
assert create_app().openapi()["paths"] and "torch" not in sys.modules
"""
PICTURE = "from nst_engine.paintings import paint; paint('discs', 48).save('photo.png')"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """An extra, commands that must end well where it is installed, and what `nst doctor` must find absent there."""

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
    Trial(extra="api", commands=((*PYTHON, SERVED), ("nst", "styles"), ("nst", "config")), absent="engine"),
    Trial(
        extra="worker",
        commands=(
            (*PYTHON, "import worker.main"),
            (*PYTHON, PICTURE),
            ("nst", "stylize", "photo.png", "waves", "--steps", "2", "--quiet"),
        ),
        absent="",
    ),
)


def main() -> None:
    """Check what is asked for; the first failure ends it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [*(trial.extra or "none" for trial in TRIALS), "client"]
    parser.add_argument("extras", nargs="*", metavar="EXTRA", help=f"of {', '.join(names)}; default all")
    parser.add_argument("--uv", default="uv", help="the uv to build and install with")
    parser.add_argument("--python", default=sys.executable, help="the Python of the clean environments")
    asked = parser.parse_args()
    os.environ["UV_PYTHON"] = asked.python
    os.environ["UV"] = str(Path(asked.uv).resolve()) if "/" in asked.uv else asked.uv
    check_changelog((ROOT / "CHANGELOG.md").read_text(), __version__)
    with tempfile.TemporaryDirectory(prefix="nst-release-") as folder:
        wheel = build(Path(folder))
        for trial in TRIALS:
            if not asked.extras or (trial.extra or "none") in asked.extras:
                install(trial, wheel, Path(folder) / (trial.extra or "none"))
        if not asked.extras or "client" in asked.extras:
            try_client(Path(folder) / "client")
    say(f"{wheel.name} is fit to be released")


def check_changelog(text: str, version: str) -> None:
    """Look for the version's section, or for changes that are not released yet."""
    sections = dict(re.findall(r"^## \[([^]]+)\][^\n]*\n(.*?)(?=^## \[|\Z)", text, re.DOTALL | re.MULTILINE))
    told = sections.get(version, "") or sections.get("Unreleased", "")
    if "\n- " not in told:
        raise SystemExit(f"CHANGELOG.md says nothing of {version}")


def build(folder: Path) -> Path:
    """Build sdist and wheel into dist/, and a wheel from the sdist, which must hold the same files."""
    run("uv", "build", "--quiet", "--out-dir", str(folder / "built"), str(ROOT))
    (wheel,), (sdist,) = list((folder / "built").glob("*.whl")), list((folder / "built").glob("*.tar.gz"))
    run("uv", "build", "--quiet", "--wheel", "--out-dir", str(folder / "again"), str(sdist))
    (again,) = (folder / "again").glob("*.whl")
    if contents(wheel) != contents(again):
        raise SystemExit(f"{sdist.name} makes another wheel: {sorted(contents(wheel) ^ contents(again))[:5]}")
    if f"-{__version__}-" not in wheel.name:
        raise SystemExit(f"{wheel.name} is not {__version__}")
    keep(wheel, sdist)
    return wheel


def keep(*files: Path) -> None:
    """Copy what was built to dist/, and say how large it is."""
    (ROOT / "dist").mkdir(exist_ok=True)
    for file in files:
        shutil.copy(file, ROOT / "dist")
        say(f"{file.name}: {file.stat().st_size / 1e6:.2f} MB")


def contents(wheel: Path) -> set[str]:
    """List a wheel's files."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def install(trial: Trial, wheel: Path, folder: Path) -> None:
    """Install the wheel with an extra, and try it in an empty folder."""
    folder.mkdir()
    python = folder / "venv" / "bin" / "python"
    run("uv", "venv", "--quiet", str(folder / "venv"))
    name = f"{wheel}[{trial.extra}]" if trial.extra else str(wheel)
    run("uv", "pip", "install", "--quiet", "--python", str(python), name)
    home = folder / "home"
    home.mkdir()
    given = {"PATH": f"{python.parent}:/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8"}
    found = run("nst", "--version", cwd=home, env=given)
    if found != f"nst {__version__}\n":
        raise SystemExit(f"{found!r} is not version {__version__}")
    told = run("nst", "doctor", cwd=home, env=given)
    absent = re.findall(r"^(\w[\w ]*?) +absent", told, re.MULTILINE)
    if missed := set(trial.absent.split()) - set(absent):
        raise SystemExit(f"nst doctor finds {', '.join(missed)} where it should not be:\n{told}")
    for command in trial.commands:
        run(*command, cwd=home, env=given)
    say(f"{trial.extra or 'no extra'}: installed, well, and does its work")


def try_client(folder: Path) -> None:
    """Build the client's own wheel, and install it where nothing else is."""
    run("uv", "build", "--quiet", "--wheel", "--out-dir", str(folder / "built"), str(ROOT / "nst_client"))
    (wheel,) = (folder / "built").glob("*.whl")
    keep(wheel)
    if strange := {name for name in contents(wheel) if not name.startswith("nst_client")}:
        raise SystemExit(f"{wheel.name} holds {', '.join(sorted(strange))}")
    run("uv", "venv", "--quiet", str(folder / "venv"))
    python = folder / "venv" / "bin" / "python"
    run("uv", "pip", "install", "--quiet", "--python", str(python), str(wheel))
    run("python", "-P", "-c", CLIENT, cwd=folder, env={"PATH": str(python.parent)})
    say(f"{wheel.name}: installed alone, and well")


def run(*command: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a command and return what it prints; a failure ends the check."""
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
