import json
from pathlib import Path

import pytest

from cli.main import main
from nst_engine import PRESETS

DOCS = Path(__file__).parents[3] / "docs"


def test_presets_are_listed_with_model_description_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert all(f"{preset.name} {preset.config.model} {preset.summary[:20]}" in shown for preset in PRESETS.values())
    assert "Johnson 2015" in shown


def test_a_single_preset_is_shown_with_source_exactness_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", "classic-lbfgs"]) == 0
    shown = capsys.readouterr().out
    preset = PRESETS["classic-lbfgs"]
    assert preset.summary in shown
    assert preset.source in shown
    assert preset.exactness in shown
    rows = [line.split() for line in shown.splitlines()]
    assert ["losses", "style_weight", "1000000", "1"] in rows  # the last column is the value in `default`
    assert ["basic", "strength", "0.5"] in rows  # the same as in `default`


def test_json_lists_every_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) == set(PRESETS)
    for name, preset in PRESETS.items():
        assert rows[name]["params"] == preset.config.model_dump(mode="json")


def test_json_of_a_single_preset_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", "deep-content", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["params"]["content_layers"] == {"conv5_2": 1}


def test_an_unknown_preset_is_refused_with_the_known_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", "gatys"]) == 2
    assert capsys.readouterr().err.startswith("nst: unknown preset 'gatys'; choose one of default, draft,")


def test_the_page_of_the_presets_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", "--markdown"]) == 0
    assert capsys.readouterr().out == (DOCS / "use" / "presets.md").read_text(), "run: make reference"
