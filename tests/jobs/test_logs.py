"""Logging as JSON."""

import json
import logging
import warnings

import pytest
import structlog

from jobs.logs import configure_logging


def test_logs_are_json_with_request_ids(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        configure_logging("info")
        structlog.contextvars.bind_contextvars(request_id="r1")
        structlog.get_logger("api.requests").info("request", status=200)
        extra = {"color_message": "a library says \x1b[1mthis"}  # uvicorn adds it
        logging.getLogger("jobs.store.job_store").warning("a library says %s", "this", extra=extra)
    finally:
        root.handlers, root.level = handlers, level
        structlog.contextvars.clear_contextvars()
        structlog.reset_defaults()
    own, foreign = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (own["event"], own["status"], own["request_id"]) == ("request", 200, "r1")
    assert (foreign["event"], foreign["level"], foreign["request_id"]) == ("a library says this", "warning", "r1")
    assert "color_message" not in foreign


def test_a_warning_is_one_line_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logging.captureWarnings(False)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        try:
            configure_logging("info")
            warnings.warn("going on without a CUDA graph", RuntimeWarning, stacklevel=1)
        finally:
            logging.captureWarnings(False)
            root.handlers, root.level = handlers, level
            structlog.reset_defaults()
    (line,) = capsys.readouterr().err.splitlines()
    found = json.loads(line)
    assert (found["level"], found["logger"]) == ("warning", "py.warnings")
    assert "RuntimeWarning: going on without a CUDA graph" in found["event"]
