"""The progress on a terminal, and in a pipe."""

import io
from typing import Any

import pytest
from rich.console import Console

from cli import terminal
from cli.terminal import ProgressLines, RunState
from nst_client import Event, Job


class Lines:
    """A display of progress in a pipe, with a clock that the test moves."""

    def __init__(self) -> None:
        self.now, self.written = 0.0, list[str]()
        self._lines = ProgressLines(self.written.append, clock=lambda: self.now)
        self.show = self._lines.show

    def run(self, iterations: int, *, seconds: float, **state: Any) -> None:
        for iteration in range(1, iterations + 1):
            self.now += seconds
            left = (iterations - iteration) * seconds
            self.show(RunState(status="painting", done=iteration, total=iterations, seconds_left=left, **state))


@pytest.mark.parametrize("loss", [0.1, 0.09478])
def test_the_figures_of_a_bar_are_whole_on_a_narrow_terminal(loss: float, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    narrow = Console(file=screen, width=80, force_terminal=True, force_interactive=True, color_system=None)
    monkeypatch.setattr(terminal, "console", lambda *, stderr: narrow)
    with terminal.progress_display() as show:
        show(RunState(status="stylizing", done=7, total=20_000, loss=loss, note="64 x 64", seconds_left=3723.4))
    shown = screen.getvalue()
    assert f"7/20000 64 x 64 loss {loss}" in shown
    assert "left 1:02:03" in shown


def test_a_pipe_gets_a_line_for_each_tenth_of_a_long_run() -> None:
    lines = Lines()
    lines.run(200, seconds=2.5)
    left = ["8 min", "8 min", "7 min", "6 min", "5 min", "4 min", "3 min", "2 min", "2 min", "50 s", "0 s"]
    assert lines.written == [f"painting: {10 * tenth} %, about {time} left" for tenth, time in enumerate(left)]


def test_a_pipe_gets_no_more_than_a_line_in_ten_seconds() -> None:
    lines = Lines()
    lines.run(100, seconds=0.25)
    assert lines.written == [
        "painting: 1 %, about 25 s left",
        "painting: 41 %, about 15 s left",
        "painting: 81 %, about 5 s left",
    ]


def test_a_pipe_gets_a_line_a_minute_if_a_tenth_takes_longer() -> None:
    lines = Lines()
    for iteration in range(1, 5):
        lines.show(RunState(status="painting", done=iteration, total=100, note="64 x 64"))
        lines.now += 40
    assert lines.written == ["painting: 1 %, 64 x 64", "painting: 3 %, 64 x 64"]


def test_a_pipe_is_told_what_a_job_waits_for_and_how_it_ended() -> None:
    lines = Lines()
    terminal.show_job(lines.show, Job(id="j", status="queued"))
    for status in ("queued", "running"):
        terminal.show_event(lines.show, Event(id="1", type="status", data={"status": status}))
    lines.now += 10
    progress = {"iteration": 30, "total": 100, "eta_seconds": 7300.0, "frame": 3, "frames": 10}
    terminal.show_event(lines.show, Event(id="2", type="progress", data=progress))
    terminal.show_event(lines.show, Event(id="3", type="completed", data={"status": "succeeded"}))
    terminal.show_job(lines.show, Job.from_json({"id": "j", "status": "succeeded", "progress": progress}))
    assert lines.written == [
        "queued: waiting for a worker",
        "running: loading the network",
        "running: 30 %, frame 3 of 10, about 2.0 h left",
        "succeeded",
    ]


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for quiet in (True, False):
        with terminal.progress_display(quiet=quiet) as show:
            show(RunState(status="stylizing", done=1, total=4))
    assert capsys.readouterr() == ("", "stylizing: 25 %\n")
