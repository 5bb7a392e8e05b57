import importlib.util
import json
import socket
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from cli.commands.doctor import Verdict, check_data_folder, check_engine, check_port, check_redis, check_weights
from cli.main import main
from tests.cli.mirror import Mirror, serving


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NST_REDIS_URL", raising=False)
    monkeypatch.setenv("NST_DATA_DIR", str(tmp_path / "data"))


def uninstall(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    find_spec = importlib.util.find_spec

    def find(name: str) -> ModuleSpec | None:
        return None if name in modules else find_spec(name)

    monkeypatch.setattr(importlib.util, "find_spec", find)


def test_on_a_complete_installation_every_check_is_good(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    found = {row["what"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(found) == {"python", "engine", "memory", "weights", "redis", "data folder", "port"}
    assert {row["verdict"] for row in found.values()} == {"good"}
    assert "lite" in found["weights"]["told"]


def test_on_a_plain_installation_the_missing_parts_are_absent_not_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    uninstall(monkeypatch, "torch", "redis", "psutil")
    assert check_engine().verdict is Verdict.ABSENT
    assert "nst[engine]" in check_engine().advice
    assert "nst[embedded]" in check_redis().advice
    assert main(["doctor"]) == 0
    assert "nst[engine]" in capsys.readouterr().out  # rich does not take the brackets for markup


@pytest.mark.parametrize(("header", "found"), [(b"{}", "holds no layer of vgg19"), (b"[]", "cannot be read")])
def test_a_damaged_weights_file_is_broken(
    header: bytes, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "vgg19.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    monkeypatch.setenv("NST_WEIGHTS_DIR", str(tmp_path))
    finding = check_weights()
    assert (finding.verdict, finding.advice) == (Verdict.BROKEN, "remove it, then: nst weights pull vgg19")
    assert found in finding.found
    main(["weights", "list", "--json"])
    row = next(row for row in json.loads(capsys.readouterr().out) if row["model"] == "vgg19")
    assert (row["reaches"], bool(row["problem"])) == (None, header == b"[]")


def test_a_redis_that_does_not_respond_is_broken_and_its_password_is_hidden(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NST_REDIS_URL", "redis://:sesame@127.0.0.1:1/0")
    assert main(["doctor"]) == 1
    shown = capsys.readouterr()
    assert shown.err == "nst: broken: redis\n"
    assert "127.0.0.1:1/0" in shown.out
    assert "sesame" not in shown.out


def test_a_redis_that_responds_is_good(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_REDIS_URL", redis_url)
    assert check_redis().verdict is Verdict.GOOD
    assert redis_url in check_redis().found


@pytest.mark.parametrize("folder", ["file/in", "n" * 300])
def test_a_data_folder_that_cannot_be_created_is_broken(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NST_DATA_DIR", str(tmp_path / folder))
    assert check_data_folder().verdict is Verdict.BROKEN


def test_a_port_in_use_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        monkeypatch.setenv("NST_PORT", str(port))
        assert check_port().found == f"{port} is free"  # bound, but not listening
        listener.listen()
        assert check_port().found == f"{port} is in use"  # by a program that does not answer


def test_a_port_that_nst_has_is_reported_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Mirror({"openapi.json": b'{"info": {"title": "nst"}}'})) as running:
        monkeypatch.setenv("NST_PORT", running.address.rpartition(":")[2])
        assert check_port().found.endswith(" is in use by nst")


@pytest.mark.parametrize("port", ["eighty", "80000"])
def test_an_invalid_port_is_broken(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_PORT", port)
    assert check_port().verdict is Verdict.BROKEN
