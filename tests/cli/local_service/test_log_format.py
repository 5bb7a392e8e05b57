import json

from cli.local_service.log_format import readable


def test_a_json_line_reads_as_event_and_values() -> None:
    line = json.dumps({"event": "request", "level": "info", "method": "GET", "owner": None, "timestamp": "bad"})
    assert readable(line) == "request method=GET"


def test_a_warning_says_so() -> None:
    assert readable('{"event": "lost", "level": "warning"}') == "WARNING lost"


def test_a_time_is_shown_to_the_second() -> None:
    shown = readable('{"event": "up", "timestamp": "2026-01-02T03:04:05.678Z"}')
    assert shown.split(" ", 1)[0].count(":") == 2


def test_any_other_line_stays_as_it_is() -> None:
    for line in ("plain", "[1, 2]", '{"no": "event here"}', "{broken"):
        assert readable(line) == line
