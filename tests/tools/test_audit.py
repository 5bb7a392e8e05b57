from collections.abc import Callable
from pathlib import Path

import pytest

from tools import audit

Answer = Callable[..., int]

OFFLINE = """error: error sending request for url (https://api.osv.dev/v1/querybatch)
  cause: client error (Connect)"""
SERVICE_DOWN = "error: HTTP status server error (503 Service Unavailable) for url (https://api.osv.dev/v1/querybatch)"


@pytest.fixture
def answer(tmp_path: Path) -> Answer:
    """Return a function that runs the audit with a uv that ends in a given way."""

    def run(code: int, error: str, output: str = "") -> int:
        (tmp_path / "output").write_text(output)
        (tmp_path / "error").write_text(error + "\n")
        script = tmp_path / "uv"
        script.write_text(f"#!/bin/sh\ncat '{tmp_path}/output'\ncat '{tmp_path}/error' >&2\nexit {code}\n")
        script.chmod(0o755)
        return audit.audit(str(script))

    return run


@pytest.mark.parametrize("error", [OFFLINE, SERVICE_DOWN, "error: Request failed after 3 retries"])
def test_without_the_database_one_line_says_that_nothing_was_compared(
    answer: Answer, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(2, error) == 0
    assert capsys.readouterr().out == "audit skipped: the database of vulnerabilities cannot be reached\n"


def test_an_older_uv_is_told_apart(answer: Answer, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(2, "error: unrecognized subcommand 'audit'") == 0
    assert capsys.readouterr().out == "audit skipped: this uv has no `uv audit`; update it\n"


def test_a_vulnerable_release_fails_and_is_shown(answer: Answer, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(1, "Found 1 known vulnerability", "pillow 12.0.0 has 1 known vulnerability\n") == 1
    assert capsys.readouterr().out.startswith("pillow 12.0.0 has 1 known vulnerability\n")


def test_a_lock_that_cannot_be_read_fails(answer: Answer, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(2, "error: Failed to parse `uv.lock`") == 2
    assert "Failed to parse" in capsys.readouterr().out


def test_no_finding_passes(answer: Answer, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(0, "Found no known vulnerabilities in 178 packages") == 0
    assert "no known vulnerabilities" in capsys.readouterr().out
