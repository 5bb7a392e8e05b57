import json
import sys
from pathlib import Path

import pytest

from api.settings import ApiSettings
from cli.commands.config import checked, markdown, settings
from cli.errors import InputError
from cli.main import main
from worker.settings import WorkerSettings

DOCUMENT = Path(__file__).parents[3] / "docs" / "run" / "settings.md"


def test_a_setting_tells_its_value_and_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_PORT", "9000")
    found = {setting.variable: setting for setting in settings({"NST_PORT": "9000"})}
    assert (found["NST_PORT"].value, found["NST_PORT"].default, found["NST_PORT"].origin) == (
        "9000",
        "8000",
        "environment",
    )
    assert found["NST_MAX_ATTEMPTS"].origin == "default"


def test_no_setting_is_listed_twice_or_without_a_word_on_it() -> None:
    found = list(settings({}))
    assert len({setting.variable for setting in found}) == len(found)
    assert all(setting.description for setting in found)


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("NST_SECRET", "open-sesame-open-sesame")
    assert main(["config", "--json"]) == 0
    shown = capsys.readouterr().out
    assert "NST_SECRET" in {row["variable"] for row in json.loads(shown)}
    assert "sesame" not in shown


def test_a_bad_value_names_its_variable(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("NST_PORT", "eighty")
    assert main(["config"]) == 2
    assert capsys.readouterr().err.startswith("nst: NST_PORT: ")


def test_api_and_worker_take_the_same_levels_of_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (ApiSettings, WorkerSettings):
        monkeypatch.setenv("NST_LOG_LEVEL", "Warning")
        assert checked(kind).log_level == "warning"
        monkeypatch.setenv("NST_LOG_LEVEL", "loud")
        with pytest.raises(InputError, match=r"NST_LOG_LEVEL: .*'debug'"):
            checked(kind)


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose and manifests hand on variables that nobody has filled in."""
    for variable in ("NST_S3_ENDPOINT", "NST_DEVICE_WAIT_SECONDS", "NST_PORT"):
        monkeypatch.setenv(variable, "")
    found = {setting.variable: setting.value for setting in settings({})}
    assert (found["NST_S3_ENDPOINT"], found["NST_DEVICE_WAIT_SECONDS"], found["NST_PORT"]) == ("", "", "8000")


def test_a_part_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The image of the API holds no worker."""
    monkeypatch.setitem(sys.modules, "worker", None)
    monkeypatch.delitem(sys.modules, "worker.settings", raising=False)
    assert {setting.part for setting in settings({})} == {
        "everywhere",
        "api",
        "webhooks",
        "weights",
        "nst up",
        "nst jobs",
    }


def test_the_documentation_lists_the_settings_there_are() -> None:
    assert DOCUMENT.read_text() == markdown(list(settings({}))), "run: nst config --markdown > docs/run/settings.md"
