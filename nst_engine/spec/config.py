"""The parameters of a run, with their bounds, units and help; loads no torch.

The options of the command, the fields of the HTTP API and the controls of the web page are made from `StyleConfig`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from nst_engine.spec.enums import (
    Clamp,
    ContentLoss,
    GramScale,
    Init,
    InputConvention,
    LineSearch,
    Memory,
    Model,
    Optimizer,
    Padding,
    Pooling,
    Precision,
    PreserveColor,
    SizeBy,
    StyleLoss,
    StyleStatistic,
    TvLoss,
)
from nst_engine.spec.errors import ConfigError, Problem
from nst_engine.spec.layers import NETWORKS, resolve_layers
from nst_engine.spec.value_types import Blend, LayerWeights, Shares, not_bool


def _field(default: Any, group: str, description: str, **bounds: Any) -> Any:
    return Field(default=default, description=description, json_schema_extra={"group": group}, **bounds)


class StyleConfig(BaseModel):
    """Everything that decides what a run makes of its pictures; defaults are those of the preset `default`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    preset: str = _field("default", "basic", "Preset that supplies every value that is not given.", max_length=40)
    strength: float = _field(
        0.5,
        "basic",
        "How strongly the style shows: 0 is nearly the photo, 0.5 keeps the preset's balance, 1 is nearly all style.",
        ge=0,
        le=1,
    )
    max_size: int = _field(
        512, "basic", "Longest side of the result in pixels; pictures are never enlarged.", ge=16, le=8192
    )
    steps: int = _field(300, "basic", "Total number of iterations over all scales.", ge=1, le=20_000)
    preserve_color: PreserveColor = _field(
        PreserveColor.NONE,
        "basic",
        "Keep the content's colors: transfer only the luminance, or first match the style's colors to them (linear).",
    )
    seed: int = _field(
        0, "basic", "Seed of the random numbers; the same seed gives the same picture.", ge=0, le=2**31 - 1
    )

    model: Model = _field(Model.LITE, "network", "Pretrained network whose features are compared.")
    input_convention: InputConvention = _field(
        InputConvention.TORCHVISION,
        "network",
        "Units of the pixels in the system that a preset reproduces; weights trained with others are converted.",
    )
    pooling: Pooling = _field(
        Pooling.MAX,
        "network",
        "What replaces the network's max pooling: average or l2 (root mean square); max keeps it.",
    )
    padding: Padding = _field(Padding.REPLICATE, "network", "Padding of the first convolution.")
    content_layers: LayerWeights = _field(
        {"content": 1.0, "style4": 1.0},
        "network",
        "Layers compared with the content, with weights: relu4_2:1. A role (content, style1…style5) stands for a layer "
        "of any network.",
    )
    style_layers: LayerWeights = _field(
        {"style1": 50.0, "style2": 5.0, "style3": 5.0, "style4": 1.0, "style5": 0.4},
        "network",
        "Layers or roles whose statistics are compared with the style, with weights: relu1_1:1,relu2_1:0.5.",
    )

    content_weight: float = _field(0.125, "losses", "Weight of the content loss; 0 leaves it out.", ge=0, le=1e12)
    style_weight: float = _field(1.0, "losses", "Weight of the style loss; 0 leaves it out.", ge=0, le=1e12)
    tv_weight: float = _field(0.5, "losses", "Weight of the total variation loss; more is smoother.", ge=0, le=1e9)
    range_weight: float = _field(0.0, "losses", "Weight of the penalty on pixel values outside [0, 1].", ge=0, le=1e9)
    content_loss: ContentLoss = _field(
        ContentLoss.NORMALIZED,
        "losses",
        "How content features are compared: mean is the mean squared difference, half_sum half the sum of squares, "
        "normalised the mean divided by the target's variance.",
    )
    style_statistic: StyleStatistic = _field(
        StyleStatistic.GRAM,
        "losses",
        "Statistics of the features that are compared: Gram matrices, or fitted Gaussians (wasserstein).",
    )
    gram_scale: GramScale = _field(
        GramScale.HW,
        "losses",
        "What a Gram matrix is divided by: nothing, height × width (hw), or channels × height × width (chw).",
    )
    style_loss: StyleLoss = _field(
        StyleLoss.NORMALIZED,
        "losses",
        "How Gram matrices are compared: mean and sum are those of the squared differences, mean_per_chw is the mean "
        "divided by channels × height × width, normalised the sum divided by the target's sum of squares.",
    )
    tv_loss: TvLoss = _field(
        TvLoss.MEAN_EIGHT,
        "losses",
        "Form of the total variation: l1 sums the absolute differences of neighboring pixels, l2 the squared ones, "
        "mean_eight is a weighted mean of the squared differences from all eight neighbors.",
    )

    style_blend: Blend = _field(
        None, "styles", "Weight of each style image, in the order of the images: 3,1. All are equal by default."
    )
    style_scale: float = _field(
        1.0, "styles", "Size of the style image relative to the content: smaller gives smaller strokes.", ge=0.1, le=4
    )
    style_upscale: bool = _field(True, "styles", "Enlarge a style image that is smaller than `style_scale` asks for.")

    init: Init = _field(Init.CONTENT, "start", "Picture that the optimization starts from.")
    init_std: float = _field(
        1.0,
        "start",
        "Amount of initial noise in units of network input: standard deviation (gaussian) or half the range (uniform).",
        gt=0,
        le=255,
    )

    optimizer: Optimizer = _field(Optimizer.LBFGS, "optimizer", "Optimizer that changes the pixels.")
    learning_rate: float = _field(
        1.0,
        "optimizer",
        "Step size of the optimizer: in units of network input with Adam, a factor on each step with L-BFGS.",
        gt=0,
        le=1000,
    )
    adam_beta1: float = _field(0.9, "optimizer", "Adam's decay rate of the first moment.", ge=0, lt=1)
    adam_beta2: float = _field(0.999, "optimizer", "Adam's decay rate of the second moment.", ge=0, lt=1)
    lbfgs_history: int = _field(
        10, "optimizer", "Number of past steps from which L-BFGS estimates the curvature.", ge=1, le=100
    )
    lbfgs_coarse: float = _field(
        1.0,
        "optimizer",
        "How strongly L-BFGS favors coarse structure over fine detail; 0 is plain L-BFGS.",
        ge=0,
        le=100,
    )
    line_search: LineSearch = _field(LineSearch.NONE, "optimizer", "Line search of L-BFGS.")
    clamp: Clamp = _field(
        Clamp.END, "optimizer", "When pixels are clamped to [0, 1]: at the end, or after each step (only with Adam)."
    )
    average_decay: float = _field(
        0.0,
        "optimizer",
        "Decay of an exponential average of the iterates, which becomes the result; 0 returns the last iterate.",
        ge=0,
        lt=1,
    )
    plateau: float = _field(
        0.0,
        "optimizer",
        "End a scale early if the loss has fallen by less than this fraction over 20 iterations; 0 turns this off.",
        ge=0,
        lt=1,
    )

    scales: int = _field(8, "schedule", "Maximum number of sizes, from coarse to fine.", ge=1, le=16)
    scale_factor: float = _field(2.0, "schedule", "Ratio between the sizes of consecutive scales.", gt=1, le=8)
    min_size: int = _field(
        64, "schedule", "Minimum size of a scale in pixels; only the final one may be smaller.", ge=16, le=8192
    )
    scale_shares: Shares = _field(
        (3.0, 2.0, 1.0),
        "schedule",
        "How the steps are divided among the scales, coarse to fine; each further scale gets the last share.",
    )
    carry_state: bool = _field(True, "schedule", "Carry the optimizer's state over to the next scale.")
    detail: float = _field(
        1.0,
        "schedule",
        "Share of the content's fine detail that is added whenever the picture is enlarged (Kolkin et al. 2019).",
        ge=0,
        le=1,
    )
    size_by: SizeBy = _field(SizeBy.LONGEST, "schedule", "Which side max_size measures.")

    precision: Precision = _field(
        Precision.AUTO,
        "machine",
        "Arithmetic of convolutions: auto is tf32 on CUDA, bfloat16 on a CPU with instructions for it, else float32.",
    )
    memory: Memory = _field(
        Memory.AUTO,
        "machine",
        "low computes in tiles, which is slower but bounds the memory; auto does so only if memory is short.",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _numbers_are_not_bool(cls, value: object, info: ValidationInfo) -> object:
        is_number = cls.model_fields[info.field_name or ""].annotation in (int, float)
        return not_bool(value) if is_number else value

    @field_validator("style_layers", "content_layers", mode="after")
    @classmethod
    def _known_layers(cls, value: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        if not any(value.values()):
            raise ValueError("give at least one layer a weight above 0; set the loss's weight to 0 to leave it out")
        if "model" in info.data:
            resolve_layers(value, NETWORKS[info.data["model"]])
        return value

    @field_validator("style_weight", mode="after")
    @classmethod
    def _some_loss(cls, value: float, info: ValidationInfo) -> float:
        if value == 0 and info.data.get("content_weight") == 0:
            raise ValueError("content_weight and style_weight are both 0: nothing to optimize")
        return value

    @field_validator("style_blend", mode="after")
    @classmethod
    def _some_blend(cls, value: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if value is not None and sum(value) <= 0:
            raise ValueError("at least one weight must be above 0")
        return value

    @field_validator("clamp", mode="after")
    @classmethod
    def _clamp_with_adam(cls, value: Clamp, info: ValidationInfo) -> Clamp:
        if value is Clamp.STEP and info.data.get("optimizer") is Optimizer.LBFGS:
            raise ValueError("step needs optimizer=adam, since clamping makes L-BFGS diverge")
        return value

    @classmethod
    def checked(cls, values: Mapping[str, object]) -> Self:
        """Validate `values`; raises one ConfigError that names every problem."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError.of(*_problems_of(error)) from None

    @property
    def style_factor(self) -> float:
        """Factor that `strength` puts on the style weight: 1 at 0.5, 0.01 at 0 and 100 at 1."""
        return float(10.0 ** (4.0 * (self.strength - 0.5)))


def _problems_of(error: ValidationError) -> tuple[Problem, ...]:
    """Return the problems of a validation, each with the field, the value and the bound."""
    found = []
    for item in error.errors(include_url=False):
        field = ".".join(str(part) for part in item["loc"]) or "parameters"
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            message = "no such parameter"
        elif item["loc"] and isinstance(item["input"], str | int | float):
            message = f"{message}, got {item['input']!r:.80}"
        found.append(Problem(field=field, message=message))
    return tuple(found)
