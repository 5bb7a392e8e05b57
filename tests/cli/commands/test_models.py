import json

import pytest

from cli.main import main
from nst_engine import NETWORKS


def test_every_network_is_listed_with_its_layers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    shown = capsys.readouterr().out.split()
    for info in NETWORKS.values():
        assert {info.name, *info.layers} <= set(shown)


def test_json_lists_layers_and_roles(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) == set(NETWORKS)
    assert rows["vgg19"]["layers"] == list(NETWORKS["vgg19"].layers)
    assert rows["vgg19"]["roles"] == dict(NETWORKS["vgg19"].roles)
