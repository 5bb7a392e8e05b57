import json
import sys
from pathlib import Path

import pytest

from cli.commands.config import all_settings, markdown
from cli.main import main
from cli.settings import without_secrets

DOCUMENT = Path(__file__).parents[3] / "docs" / "run" / "settings.md"


def test_a_setting_has_its_value_default_and_origin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NST_PORT", "9000")
    monkeypatch.delenv("NST_HOST", raising=False)
    assert main(["config", "--json"]) == 0
    found = {row["variable"]: row for row in json.loads(capsys.readouterr().out)}
    port, host = found["NST_PORT"], found["NST_HOST"]
    assert (port["value"], port["default"], port["origin"]) == ("9000", "8000", "environment")
    assert (host["value"], host["default"], host["origin"]) == ("127.0.0.1", "127.0.0.1", "default")


def test_an_empty_variable_is_listed_as_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_PORT", "")
    (port,) = (setting for setting in all_settings() if setting.variable == "NST_PORT")
    assert (port.value, port.origin) == ("8000", "default")


def test_every_setting_is_listed_once_and_described() -> None:
    found = list(all_settings())
    assert len({setting.variable for setting in found}) == len(found)
    assert [setting.variable for setting in found if not setting.description] == []


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("NST_SECRET", "open-sesame-open-sesame")
    url = "redis+sentinel://ann:sesame@redis.lan:26379/nst?sentinel_password=sesame"
    monkeypatch.setenv("NST_REDIS_URL", url)
    assert main(["config", "--json"]) == 0
    shown = capsys.readouterr().out
    assert "NST_SECRET" in {row["variable"] for row in json.loads(shown)}
    assert "sesame" not in shown
    assert "@redis.lan:26379/nst" in shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:ses@me@redis.lan/0", "redis://**********@redis.lan/0"),
        ("redis+sentinel://ann:s?me@redis.lan/nst", "redis+sentinel://**********@redis.lan/nst"),
        ("redis://redis.lan/0?password=ses@me&db=1", "redis://redis.lan/0?password=**********&db=1"),
        ("unix:///run/redis.sock?password=sesame", "unix:///run/redis.sock?password=**********"),
        ("https://redis.lan/a@b", "https://redis.lan/a@b"),
        ("redis.lan:6379", "redis.lan:6379"),
    ],
)
def test_passwords_anywhere_in_a_url_are_masked(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


def test_an_invalid_value_is_one_line_naming_its_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NST_PORT", "eighty")
    assert main(["config"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("nst: NST_PORT: ")
    assert error.count("\n") == 1


def test_a_part_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The container image of the API contains no worker."""
    everything = {setting.part for setting in all_settings()}
    monkeypatch.setitem(sys.modules, "worker", None)
    monkeypatch.delitem(sys.modules, "worker.settings", raising=False)
    assert everything - {setting.part for setting in all_settings()} == {"worker"}


def test_the_page_of_the_settings_is_up_to_date() -> None:
    assert DOCUMENT.read_text() == markdown(list(all_settings())), "run: make reference"
