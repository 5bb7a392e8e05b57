"""What a shell is offered, asked as its completion script asks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

NST = Path(sys.executable).with_name("nst")


def offered(line: str) -> list[str]:
    """Complete the last word of a line."""
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1), "_NST_COMPLETE": "complete_bash"}
    done = subprocess.run(
        [str(NST)], env={**os.environ, **words}, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nst st", ["stylize", "styles"]),
        ("nst jobs re", ["result", "retry"]),
        ("nst stylize photo.jpg painting.jpg --style-s", ["--style-statistic", "--style-scale"]),
        ("nst stylize photo.jpg fl", ["flow-strokes"]),
        ("nst stylize photo.jpg pain", []),  # a file: the shell's own completion takes over
        ("nst stylize photo.jpg waves --preset cl", ["classic-lbfgs"]),
        ("nst jobs submit photo.jpg waves --optimizer ", ["lbfgs", "adam"]),
        ("nst presets multi", ["multiscale-w2"]),
        ("nst weights pull vgg", ["vgg19", "vgg16"]),
    ],
)
def test_a_word_is_completed(line: str, words: list[str]) -> None:
    assert offered(line) == words


def test_bash_takes_the_script(tmp_path: Path) -> None:
    script = subprocess.run(
        [str(NST), "--show-completion", "bash"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    ask = f'{script}\nCOMP_WORDS=(nst presets clas) COMP_CWORD=2; _nst_completion nst; echo "${{COMPREPLY[@]}}"'
    path = f"{NST.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", ask], env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["classic-lbfgs"]
