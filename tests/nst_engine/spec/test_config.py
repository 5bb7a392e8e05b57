from __future__ import annotations

import subprocess
import sys
from enum import StrEnum
from typing import Any

import pytest
from annotated_types import Ge, Gt, Le, Lt

from nst_engine.spec.config import StyleConfig
from nst_engine.spec.errors import ConfigError, Problem
from nst_engine.spec.presets import resolve
from tests.nst_engine.tiny import PLAIN, config

TORCH_FREE = (
    "spec.config",
    "spec.presets",
    "spec.layers",
    "spec.errors",
    "images.reading",
    "images.writing",
    "paintings",
    "machine.allocator",
    "version",
)


def problems(**values: Any) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        resolve("default", values)
    return caught.value.problems


def violations() -> list[tuple[str, Any, str]]:
    """Name for every bounded number a value beyond each bound, and the words that its error has to hold."""
    found: list[tuple[str, Any, str]] = []
    for name, field in StyleConfig.model_fields.items():
        step = 1 if field.annotation is int else 0.001
        for bound in field.metadata:
            match bound:
                case Ge(ge=low):
                    found.append((name, low - step, f"greater than or equal to {low}"))
                case Gt(gt=low):
                    found.append((name, low, f"greater than {low}"))
                case Le(le=high):
                    found.append((name, high + step, f"less than or equal to {high}".removesuffix(".0")))
                case Lt(lt=high):
                    found.append((name, high, f"less than {high}"))
    return found


@pytest.mark.parametrize(("field", "value", "bound"), violations())
def test_a_value_out_of_bounds_is_one_error_with_field_value_and_range(field: str, value: Any, bound: str) -> None:
    (problem,) = problems(**{field: value})
    assert problem.field == field
    assert bound in problem.message
    assert repr(value) in problem.message


def test_every_number_is_bounded_on_both_sides() -> None:
    for name, field in StyleConfig.model_fields.items():
        if field.annotation in (int, float):
            kinds = {type(bound) for bound in field.metadata}
            assert kinds & {Ge, Gt}, name
            assert kinds & {Le, Lt}, name


CHOICES = [
    n
    for n, f in StyleConfig.model_fields.items()
    if isinstance(f.annotation, type) and issubclass(f.annotation, StrEnum)
]


@pytest.mark.parametrize("field", CHOICES)
def test_an_unknown_choice_is_refused_with_the_choices_there_are(field: str) -> None:
    (problem,) = problems(**{field: "fresco"})
    choices = StyleConfig.model_fields[field].annotation
    assert problem.field == field
    assert isinstance(choices, type)
    assert issubclass(choices, StrEnum)
    assert all(f"'{choice}'" in problem.message for choice in choices)


@pytest.mark.parametrize("value", ["nan", "inf", float("nan"), float("inf"), "much", None, [1]])
def test_what_is_no_number_is_refused(value: object) -> None:
    assert [problem.field for problem in problems(style_weight=value)] == ["style_weight"]


def test_every_violated_bound_is_told_at_once() -> None:
    assert [p.field for p in problems(max_size=0, steps=-1, optimizer="sgd")] == ["max_size", "steps", "optimizer"]


def test_an_unknown_parameter_is_refused_by_name() -> None:
    assert problems(stile_weight=1) == (Problem(field="stile_weight", message="no such parameter"),)


def test_an_unknown_layer_is_refused_with_the_nearest_one() -> None:
    (problem,) = problems(model="vgg19", style_layers="conv1_1,conv9_1")
    assert problem.field == "style_layers"
    assert "vgg19 has no layer 'conv9_1'; did you mean 'conv" in problem.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("relu1_1:1,relu2_1:0.5", {"relu1_1": 1.0, "relu2_1": 0.5}),
        ("relu1_1", {"relu1_1": 1.0}),
        (" style1 : 2 , style2 ", {"style1": 2.0, "style2": 1.0}),
    ],
)
def test_layers_can_be_given_as_text(text: str, expected: dict[str, float]) -> None:
    assert config(style_layers=text).style_layers == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("style1:2,style2;", ({"style1": 2.0, "style2": 1.0}, {})),
        (["relu1_1", {"style5": 0.5}], ({"relu1_1": 1.0}, {"style5": 0.5})),
        ("", None),
    ],
)
def test_the_layers_of_each_style_can_be_given_as_text(given: object, expected: object) -> None:
    assert config(layers_per_style=given).layers_per_style == expected


@pytest.mark.parametrize(
    ("given", "message"), [("style1;conv9_9", "no layer 'conv9_9'"), ("style1:0;", "at least one")]
)
def test_layers_of_a_style_that_cannot_be_are_refused(given: str, message: str) -> None:
    (problem,) = problems(layers_per_style=given)
    assert problem.field == "layers_per_style"
    assert message in problem.message


@pytest.mark.parametrize("text", ["relu1_1:much", "relu1_1:-1", "relu1_1:nan", "relu1_1:1e13"])
def test_a_layer_weight_that_cannot_be_is_refused(text: str) -> None:
    (problem,) = problems(style_layers=text)
    assert problem.field == "style_layers.relu1_1"


@pytest.mark.parametrize("value", ["", {}, "style1:0,style2:0"])
@pytest.mark.parametrize("field", ["style_layers", "content_layers", "hypercolumn_layers", "matching_layers"])
def test_no_layer_at_all_is_refused(field: str, value: object) -> None:
    (problem,) = problems(**{field: value})
    assert problem.field == field
    assert "at least one layer a weight above 0" in problem.message


@pytest.mark.parametrize(
    ("text", "expected"), [("3,1", (3.0, 1.0)), (" 2 ", (2.0,)), ("", None), (None, None), ([1, 2], (1.0, 2.0))]
)
def test_blend_weights_can_be_given_as_text(text: object, expected: object) -> None:
    assert config(style_blend=text).style_blend == expected


@pytest.mark.parametrize("value", ["0,0", "1,-1", "a,b", "1e7"])
def test_blend_weights_that_cannot_be_are_refused(value: str) -> None:
    assert {p.field.split(".")[0] for p in problems(style_blend=value)} == {"style_blend"}


@pytest.mark.parametrize("value", ["", (), "1,0", "-1"])
def test_shares_that_cannot_be_are_refused(value: object) -> None:
    assert {p.field.split(".")[0] for p in problems(scale_shares=value)} == {"scale_shares"}


def test_two_weights_of_zero_leave_nothing_to_do() -> None:
    (problem,) = problems(content_weight=0, style_weight=0)
    assert "nothing to optimize" in problem.message


def test_a_loss_on_samples_is_something_to_optimize() -> None:
    assert config(content_weight=0, style_weight=0, remd_weight=1).sampled_weights == {"remd_weight": 1}


def test_the_content_weight_decays_from_scale_to_scale() -> None:
    values = config(content_weight=16, content_decay=0.5)
    assert [values.at_scale(index, 4).content_weight for index in range(4)] == [16, 8, 4, 2]


@pytest.mark.parametrize("field", ["content_weight", "style_weight"])
def test_one_weight_of_zero_is_allowed(field: str) -> None:
    assert getattr(config(**{field: 0}), field) == 0


def test_clamping_each_step_goes_with_adam_only() -> None:
    (problem,) = problems(optimizer="lbfgs", clamp="step")
    assert problem.field == "clamp"
    assert config(optimizer="adam", clamp="step").clamp == "step"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"parameterization": "laplacian", "optimizer": "lbfgs", "carry_state": False}, "parameterization"),
        ({"parameterization": "laplacian", "optimizer": "adam", "carry_state": True}, "parameterization"),
        (
            {"parameterization": "laplacian", "optimizer": "adam", "carry_state": False, "clamp": "step"},
            "parameterization",
        ),
        ({"final_rate": 0.5, "carry_state": True}, "final_rate"),
        ({"final_pass": True}, "final_pass"),
        ({"color_match": "chroma", "preserve_color": "linear"}, "color_match"),
    ],
)
def test_parameters_that_do_not_fit_together_are_refused(values: dict[str, Any], field: str) -> None:
    (problem,) = problems(**values)
    assert problem.field == field


@pytest.mark.parametrize(("strength", "factor"), [(0, 0.01), (0.25, 0.1), (0.5, 1), (1, 100)])
def test_strength_is_a_factor_on_the_style_weight(strength: float, factor: float) -> None:
    assert config(strength=strength).style_factor == pytest.approx(factor)


def test_every_parameter_is_described_and_grouped() -> None:
    for name, field in StyleConfig.model_fields.items():
        assert field.description, name
        assert isinstance(field.json_schema_extra, dict), name
        assert field.json_schema_extra["group"], name


def test_parameters_survive_as_json() -> None:
    values = config(style_blend=(3, 1), style_layers={"relu1_1": 0.1})
    assert StyleConfig.model_validate_json(values.model_dump_json()) == values


def test_parameters_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        config().steps = 3


def test_the_tests_name_only_parameters_there_are() -> None:
    assert set(PLAIN) <= set(StyleConfig.model_fields)


def test_the_modules_that_the_api_imports_load_no_torch() -> None:
    code = f"import sys; [__import__('nst_engine.' + m) for m in {TORCH_FREE}]; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "False"
