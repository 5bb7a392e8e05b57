"""Logging as JSON."""

import json
import logging

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
        logging.getLogger("jobs.store.job_store").warning("a library says %s", "this")
    finally:
        root.handlers, root.level = handlers, level
        structlog.contextvars.clear_contextvars()
        structlog.reset_defaults()
    own, foreign = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (own["event"], own["status"], own["request_id"]) == ("request", 200, "r1")
    assert (foreign["event"], foreign["level"], foreign["request_id"]) == ("a library says this", "warning", "r1")
