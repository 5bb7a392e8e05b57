import importlib.util
import json
import socket
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from cli.commands import doctor
from cli.commands.doctor import Verdict
from cli.main import main


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NST_REDIS_URL", raising=False)
    monkeypatch.setenv("NST_DATA_DIR", str(tmp_path / "data"))


def without(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    real = importlib.util.find_spec

    def find(name: str) -> ModuleSpec | None:
        return None if name in missing else real(name)

    monkeypatch.setattr("cli.commands.doctor.importlib.util.find_spec", find)


def test_a_machine_that_has_everything_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    found = {row["what"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(found) == {"python", "engine", "memory", "weights", "redis", "data folder", "port"}
    assert {row["verdict"] for row in found.values()} == {"good"}
    assert "lite" in found["weights"]["told"]


def test_a_plain_install_is_well_and_told_what_is_absent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without(monkeypatch, "torch", "redis", "psutil")
    assert doctor.engine().verdict is Verdict.ABSENT
    assert "nst[engine]" in doctor.engine().advice
    assert "nst[embedded]" in doctor.redis().advice
    assert main(["doctor"]) == 0
    assert "nst[engine]" in capsys.readouterr().out  # the brackets are no markup


def test_a_redis_that_does_not_answer_is_broken_and_its_password_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NST_REDIS_URL", "redis://:sesame@127.0.0.1:1/0")
    assert main(["doctor"]) == 1
    told = capsys.readouterr()
    assert told.err == "nst: broken: redis\n"
    assert "sesame" not in told.out


def test_a_redis_that_answers_is_named_with_its_version(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_REDIS_URL", redis_url)
    assert doctor.redis().verdict is Verdict.GOOD
    assert redis_url in doctor.redis().told


def test_a_data_folder_that_cannot_be_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NST_DATA_DIR", str(tmp_path / "file" / "in"))
    assert doctor.data_folder().verdict is Verdict.BROKEN


def test_a_taken_port_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        monkeypatch.setenv("NST_PORT", str(listener.getsockname()[1]))
        assert "is taken" in doctor.port().told


def test_a_port_that_is_no_number_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_PORT", "eighty")
    assert doctor.port().verdict is Verdict.BROKEN
