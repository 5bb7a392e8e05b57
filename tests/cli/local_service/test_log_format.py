import json

import pytest

from cli.local_service.log_format import format_line, printable


def test_a_json_line_becomes_event_and_values() -> None:
    line = json.dumps({"event": "request", "level": "info", "method": "GET", "owner": None, "timestamp": "bad"})
    assert format_line(line) == "request method=GET"


def test_a_warning_shows_its_level() -> None:
    assert format_line('{"event": "lost", "level": "warning"}') == "WARNING lost"


def test_a_time_is_shown_to_the_second() -> None:
    shown = format_line('{"event": "up", "timestamp": "2026-01-02T03:04:05.678Z"}')
    assert shown.split(" ", 1)[0].count(":") == 2


def test_any_other_line_is_unchanged() -> None:
    for line in ("plain", "[1, 2]", '{"no": "event here"}', "{broken"):
        assert format_line(line) == line


@pytest.mark.parametrize(
    "bad", ["\n", "\r", "\x1b[2J", "\x9b31m", "\x00", "\x08", "\u2028", "\u202e", "\u0085", "\udc80"]
)
def test_a_logged_value_cannot_forge_a_line_or_control_the_terminal(bad: str) -> None:
    for field in ("event", "path", f"na{bad}me"):
        shown = format_line(json.dumps({"event": "request", field: f"/x{bad}   nst | stopped"}))
        assert shown.isprintable()
        assert len(shown.splitlines()) == 1
    assert format_line(f"plain{bad}text").isprintable()


def test_a_traceback_keeps_its_lines_but_they_do_not_look_like_those_of_a_process() -> None:
    shown = format_line(json.dumps({"event": "failed", "exception": "Traceback\n   nst | stopped\x1b[2J"}))
    assert shown.splitlines() == ["failed", "       : Traceback", "       :    nst | stopped\\x1b[2J"]


def test_printable_text_stays_as_it_is() -> None:
    assert printable("größe 画 🎨\t100 %") == "größe 画 🎨\t100 %"
