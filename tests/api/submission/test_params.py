"""Parameters: from JSON or fields to complete, checked values, or a refusal that names each wrong one."""

import json

import pytest

from api.problems import ProblemError, pointer
from api.submission.params import JobOptions, parse_params, read_pairs
from nst_engine.spec.config import StyleConfig


def parse(
    *fields: tuple[str, str], webhook_hosts: tuple[str, ...] = (), default_model: str = "lite"
) -> tuple[StyleConfig, JobOptions]:
    return parse_params(read_pairs(fields), webhook_hosts=webhook_hosts, default_model=default_model)


def parsed(**fields: str) -> StyleConfig:
    return parse(*fields.items())[0]


def refusal(*fields: tuple[str, str]) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        parse(*fields)
    return caught.value


def test_without_parameters_the_default_preset_is_used() -> None:
    config, options = parse()
    assert (config.preset, options.output_format) == ("default", None)


def test_fields_are_parsed_by_type() -> None:
    config = parsed(max_size="99", strength="0.25", carry_state="false", style_layers="style1:2,style3")
    assert (config.max_size, config.strength, config.carry_state) == (99, 0.25, False)
    assert config.style_layers == {"style1": 2.0, "style3": 1.0}


def test_objects_may_come_as_json_in_a_field() -> None:
    assert parsed(style_layers='{"style1": 2}').style_layers == {"style1": 2.0}


def test_a_list_may_come_field_by_field() -> None:
    config, _ = parse(("style_blend", "3"), ("style_blend", "1"))
    assert config.style_blend == (3.0, 1.0)


def test_the_layers_of_each_style_come_as_one_text_or_field_by_field() -> None:
    for fields in (
        [("layers_per_style", "style1;style5:2")],
        [("layers_per_style", v) for v in ("style1", "style5:2")],
    ):
        assert parse(*fields)[0].layers_per_style == ({"style1": 1.0}, {"style5": 2.0})


def test_given_parameters_override_the_preset() -> None:
    config = parsed(params=json.dumps({"preset": "classic-lbfgs", "steps": 7}))
    assert (config.preset, config.steps, config.scales) == ("classic-lbfgs", 7, 1)


def test_the_operators_default_network_applies_only_to_the_default_preset() -> None:
    def model(*fields: tuple[str, str]) -> str:
        return parse(*fields, default_model="squeezenet1_1")[0].model.value

    assert model() == "squeezenet1_1"
    assert model(("model", "lite")) == "lite"
    assert model(("preset", "classic-lbfgs")) == "vgg19"


def test_json_and_fields_may_be_mixed() -> None:
    config = parsed(params='{"steps": 7}', seed="5")
    assert (config.steps, config.seed) == (7, 5)


def test_every_wrong_value_is_named() -> None:
    error = refusal(("max_size", "5"), ("strength", "7"), ("output_format", "bmp"), ("surprise", "1"))
    assert {item.pointer for item in error.errors} == {"#/max_size", "#/strength", "#/output_format", "#/surprise"}
    assert error.status == 422


@pytest.mark.parametrize(
    "fields",
    [
        [("seed", "1"), ("seed", "1")],
        [("params", "{}"), ("params", "{}")],
        [("params", '{"seed": 1}'), ("seed", "1")],
        [("params", '{"content": "x"}')],
        [("params", '{"params": {}}')],
        [("params", '{"preset": ["default"]}')],
        [("params", '{"seed": null}')],
        [("params", '{"max_size": 99.5}')],
        [("params", '{"style_layers": {}}')],
        [("clamp", "step")],
        [("init", "image")],
        [("quality", "0")],
    ],
)
def test_refuses(fields: list[tuple[str, str]]) -> None:
    assert refusal(*fields).status == 422


@pytest.mark.parametrize("text", ["{", "[" * 20_000, '{"a": 1, "a": 2}', '{"seed": NaN}', "{'seed': 1}"])
def test_malformed_json_is_a_400(text: str) -> None:
    error = refusal(("params", text))
    assert (error.status, error.code) == (400, "params_malformed")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ([("params", '{"seed": true}')], "#/seed"),
        ([("params", '{"strength": false}')], "#/strength"),
        ([("params", '{"style_layers": {"style1": true}}')], "#/style_layers/style1"),
        ([("params", '{"style_blend": [true, 1]}')], "#/style_blend/0"),
        ([("style_layers", "style1:1,style1:2")], "#/style_layers"),
        ([("content_layers", "content, content")], "#/content_layers"),
        ([("style_layers", '{"style1": 1, "style1": 2}')], "#/style_layers"),
        ([("quality", "101")], "#/quality"),
    ],
)
def test_a_value_that_could_be_read_in_two_ways_is_refused_with_its_field(
    fields: list[tuple[str, str]], pointer: str
) -> None:
    error = refusal(*fields)
    assert (error.status, [item.pointer for item in error.errors]) == (422, [pointer])


def test_empty_fields_of_a_form_are_as_if_left_out() -> None:
    empty = [(name, "") for name in ("params", *StyleConfig.model_fields, *JobOptions.model_fields)]
    assert parse(*empty) == parse()
    assert parse(("style_blend", "3"), ("style_blend", ""), ("style_blend", "1"))[0].style_blend == (3.0, 1.0)
    assert parse(("seed", ""), ("params", '{"seed": 5}'))[0].seed == 5


def test_a_byte_order_mark_before_the_parameters_is_ignored() -> None:
    assert parsed(params='\ufeff{"seed": 5}').seed == 5


@pytest.mark.parametrize("blank", ["", "\ufeff", " \r\n", "\ufeff\n"])
def test_blank_parameters_are_as_if_left_out(blank: str) -> None:
    assert parse(("params", blank), ("params", '{"seed": 5}'))[0].seed == 5


def test_a_webhook_host_must_be_public_or_listed() -> None:
    assert refusal(("webhook_url", "http://127.0.0.1:9/x")).errors[0].pointer == "#/webhook_url"
    _, options = parse(("webhook_url", "http://127.0.0.1:9/x"), webhook_hosts=("127.0.0.1:9",))
    assert options.webhook_url == "http://127.0.0.1:9/x"


@pytest.mark.parametrize(("path", "expected"), [("a.b", "#/a/b"), ("a/b", "#/a~1b"), ("a~b", "#/a~0b")])
def test_pointers_are_escaped(path: str, expected: str) -> None:
    assert pointer(path) == expected
