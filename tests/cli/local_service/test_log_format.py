import json

from cli.local_service.log_format import format_line


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
