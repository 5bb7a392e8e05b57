import pytest

from cli.errors import InputError
from cli.main import main
from cli.parameters import build_config, flag, parameter_options
from nst_engine.spec.config import StyleConfig


def test_every_parameter_is_an_option_with_the_same_description() -> None:
    made = {option.name: option for option in parameter_options()}
    assert set(made) == set(StyleConfig.model_fields)
    for name, field in StyleConfig.model_fields.items():
        assert made[name].opts == [flag(name)]
        assert str(field.description) in str(made[name].help)


def test_help_shows_bounds_and_choices(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["stylize", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "INTEGER 16…8192" in shown
    assert "none|luminance|linear" in shown
    assert "LAYER:WEIGHT,…;…" in shown


def test_a_given_value_overrides_the_preset() -> None:
    config = build_config({"preset": "classic-lbfgs", "steps": "7", "style_layers": "conv1_1:1,conv2_1:0.5"})
    assert (config.preset, config.steps) == ("classic-lbfgs", 7)
    assert config.style_layers == {"conv1_1": 1.0, "conv2_1": 0.5}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_size": "0"}, "--max-size: .*16.*got '0'"),
        ({"max_size": "-3"}, "--max-size: .*16"),
        ({"steps": "many"}, "--steps: .*integer"),
        ({"model": "vgg99"}, "--model: .*'vgg19'"),
        ({"style_layers": "conv9_9"}, "--style-layers: .*no layer 'conv9_9'"),
        ({"preset": "van-gogh"}, "--preset: no preset 'van-gogh'; there are default"),
    ],
)
def test_an_invalid_value_names_its_option_and_what_is_allowed(given: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        build_config(given)
    assert caught.value.exit_code == 2


def test_all_invalid_values_are_reported_together() -> None:
    with pytest.raises(InputError) as caught:
        build_config({"steps": "0", "seed": "-1"})
    assert "--steps" in str(caught.value)
    assert "--seed" in str(caught.value)
