"""Completions, requested as the completion scripts of the shells do."""

import os
import subprocess
from pathlib import Path

import pytest

from cli.main import main
from tests.cli.shells import NST, offered_by_fish, script, typed_into_zsh


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nst st", ["stylize", "styles"]),
        ("nst jobs re", ["result", "retry"]),
        ("nst stylize photo.jpg painting.jpg --style-sc", ["--style-scale"]),
        ("nst stylize photo.jpg fl", ["flow-strokes"]),
        ("nst stylize photo.jpg pain", []),  # a file name: the shell completes it
        ("nst stylize photo.jpg waves --preset cl", ["classic-lbfgs"]),
        ("nst jobs submit photo.jpg waves --optimizer ", ["lbfgs", "adam", "rmsprop"]),
        ("nst presets multi", ["multiscale-w2"]),
        ("nst weights pull vgg", ["vgg19", "vgg16", "vgg16-edges"]),
    ],
)
def test_a_word_is_completed(
    line: str, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1), "_NST_COMPLETE": "complete_bash"}
    for name, value in asked.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main([])
    assert (capsys.readouterr().out.split(), ended.value.code) == (words, 0)


def test_bash_accepts_the_script() -> None:
    ask = f'{script("bash")}\nCOMP_WORDS=(nst presets clas) COMP_CWORD=2; _nst_completion nst; echo "${{COMPREPLY[@]}}"'
    path = f"{NST.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", ask], env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["classic-lbfgs"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a painting in it."""
    (tmp_path / "painting.jpg").touch()
    return tmp_path


@pytest.mark.shells
def test_zsh_completes_typed_lines(folder: Path) -> None:
    typed = ["nst jobs can", "nst presets clas", "nst stylize photo.jpg fl", "nst stylize photo.jpg pain"]
    became = ["nst jobs cancel", "nst presets classic-lbfgs", "nst stylize photo.jpg flow-strokes"]
    assert typed_into_zsh(typed, folder) == [*became, "nst stylize photo.jpg painting.jpg"]


@pytest.mark.shells
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nst jobs re", ["result", "retry"]),
        ("nst stylize photo.jpg --style-sc", ["--style-scale"]),
        ("nst stylize photo.jpg pain", ["painting.jpg"]),
    ],
)
def test_fish_offers_words_or_files(folder: Path, line: str, words: list[str]) -> None:
    assert offered_by_fish(line, folder) == words
