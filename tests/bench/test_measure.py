"""What the benchmark of the service prints."""

import json
import sys

import pytest

from bench.service import measure


async def noisy(*, quick: bool) -> dict[str, bool]:
    sys.stdout.write("a log line\n")
    return {"quick": quick}


def test_standard_output_is_json_alone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["measure", "--quick", "--json"])
    monkeypatch.setattr(measure, "measure", noisy)
    measure.main()
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"quick": True}
    assert printed.err == "a log line\n"
