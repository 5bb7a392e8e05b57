"""The progress bar on a terminal."""

import io

import pytest
from rich.console import Console

from cli import terminal


@pytest.mark.parametrize("loss", ["0.1", "0.09478"])
def test_the_figures_of_a_bar_are_whole_on_a_narrow_terminal(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    narrow = Console(file=screen, width=80, force_terminal=True, color_system=None)
    monkeypatch.setattr(terminal, "console", lambda *, stderr: narrow)
    with terminal.progress_bar() as bar:
        bar.add_task("stylizing", total=20_000, completed=7, loss=loss, note="64 x 64")
    assert "7/20000 64 x 64 loss " + loss in screen.getvalue()
