"""The parameters of a run, with their bounds, units and help; loads no torch.

The options of the command, the fields of the HTTP API and the controls of the web page are made from `StyleConfig`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import ConfigDict, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from nst_engine.spec.enums import (
    Clamp,
    ColorMatch,
    ContentLoss,
    Init,
    LineSearch,
    Memory,
    Optimizer,
    Parameterization,
    Precision,
    PreserveColor,
    SizeBy,
)
from nst_engine.spec.errors import ConfigError, Problem
from nst_engine.spec.layers import NETWORKS, RGB, resolve_columns, resolve_layers
from nst_engine.spec.loss_fields import ON_HYPERCOLUMNS, ON_STYLE_LAYERS, SAMPLED_LOSSES, LossFields
from nst_engine.spec.parameter import parameter
from nst_engine.spec.value_types import Blend, LayersPerStyle, Shares, not_bool


class StyleConfig(LossFields):
    """Everything that decides what a run makes of its pictures; defaults are those of the preset `default`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    style_blend: Blend = parameter(
        None, "styles", "Weight of each style image, in the order of the images: 3,1. All are equal by default."
    )
    style_scale: float = parameter(
        1.0, "styles", "Size of the style image relative to the content: smaller gives smaller strokes.", ge=0.1, le=4
    )
    style_upscale: bool = parameter(
        True, "styles", "Enlarge a style image that is smaller than `style_scale` asks for."
    )

    color_match: ColorMatch = parameter(
        ColorMatch.NONE,
        "styles",
        "Match the colors of the result to the style: by optimal transport, or with the content's chroma.",
    )

    init: Init = parameter(
        Init.CONTENT,
        "start",
        "Picture that the optimization starts from; style_mean is the style's mean color with the content's detail.",
    )
    init_std: float = parameter(
        1.0,
        "start",
        "Amount of initial noise in units of network input: standard deviation (gaussian) or half the range (uniform).",
        gt=0,
        le=255,
    )

    optimizer: Optimizer = parameter(Optimizer.LBFGS, "optimizer", "Optimizer that changes the pixels.")
    parameterization: Parameterization = parameter(
        Parameterization.PIXELS,
        "optimizer",
        "What the optimizer changes: the pixels, or the bands of a Laplacian pyramid (not with lbfgs).",
    )
    pyramid_levels: int = parameter(
        5, "optimizer", "Maximum number of bands of the Laplacian pyramid, besides what is left.", ge=1, le=16
    )
    learning_rate: float = parameter(
        1.0,
        "optimizer",
        "Step size of the optimizer: in units of network input, or a factor on each step with L-BFGS.",
        gt=0,
        le=1000,
    )
    final_rate: float = parameter(
        1.0, "optimizer", "Factor on the learning rate at the last scale (needs carry_state=false).", gt=0, le=10
    )
    adam_beta1: float = parameter(0.9, "optimizer", "Adam's decay rate of the first moment.", ge=0, lt=1)
    adam_beta2: float = parameter(0.999, "optimizer", "Adam's decay rate of the second moment.", ge=0, lt=1)
    lbfgs_history: int = parameter(
        10, "optimizer", "Number of past steps from which L-BFGS estimates the curvature.", ge=1, le=100
    )
    lbfgs_coarse: float = parameter(
        1.0,
        "optimizer",
        "How strongly L-BFGS favors coarse structure over fine detail; 0 is plain L-BFGS.",
        ge=0,
        le=100,
    )
    line_search: LineSearch = parameter(LineSearch.NONE, "optimizer", "Line search of L-BFGS.")
    clamp: Clamp = parameter(
        Clamp.END, "optimizer", "When pixels are clamped to [0, 1]: at the end, or after each step (not with lbfgs)."
    )
    average_decay: float = parameter(
        0.0,
        "optimizer",
        "Decay of an exponential average of the iterates, which becomes the result; 0 returns the last iterate.",
        ge=0,
        lt=1,
    )
    plateau: float = parameter(
        0.0,
        "optimizer",
        "End a scale early if the loss has fallen by less than this fraction over 20 iterations; 0 turns this off.",
        ge=0,
        lt=1,
    )

    scales: int = parameter(8, "schedule", "Maximum number of sizes, from coarse to fine.", ge=1, le=16)
    scale_factor: float = parameter(2.0, "schedule", "Ratio between the sizes of consecutive scales.", gt=1, le=8)
    min_size: int = parameter(
        64, "schedule", "Minimum size of a scale in pixels; only the final one may be smaller.", ge=16, le=8192
    )
    scale_shares: Shares = parameter(
        (3.0, 2.0, 1.0),
        "schedule",
        "How the steps are divided among the scales, coarse to fine; each further scale gets the last share.",
    )
    carry_state: bool = parameter(True, "schedule", "Carry the optimizer's state over to the next scale.")
    detail: float = parameter(
        1.0,
        "schedule",
        "Share of the content's fine detail that is added whenever the picture is enlarged (Kolkin et al. 2019).",
        ge=0,
        le=1,
    )
    final_pass: bool = parameter(
        False,
        "schedule",
        "End with a pass at full size in which layer_matching_weight counts in place of matching_weight.",
    )
    size_by: SizeBy = parameter(SizeBy.LONGEST, "schedule", "Which side max_size measures.")

    precision: Precision = parameter(
        Precision.AUTO,
        "machine",
        "Arithmetic of convolutions: auto is bfloat16 on a GPU or CPU that multiplies it itself (CUDA from compute "
        "capability 8.0 on), else float32. tf32 needs CUDA.",
    )
    memory: Memory = parameter(
        Memory.AUTO,
        "machine",
        "low computes in tiles, which is slower but bounds the memory; auto does so only if memory is short.",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _numbers_are_not_bool(cls, value: object, info: ValidationInfo) -> object:
        is_number = cls.model_fields[info.field_name or ""].annotation in (int, float)
        return not_bool(value) if is_number else value

    @field_validator("style_layers", "content_layers", "hypercolumn_layers", "matching_layers", mode="after")
    @classmethod
    def _known_layers(cls, value: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        return _checked_layers(value, info)

    @field_validator("layers_per_style", mode="after")
    @classmethod
    def _known_layers_per_style(cls, value: LayersPerStyle, info: ValidationInfo) -> LayersPerStyle:
        return value and tuple(layers and _checked_layers(layers, info) for layers in value)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if not (self.content_weight or self.style_weight or self.sampled_weights):
            raise wrong("style_weight", "content_weight and style_weight are both 0: nothing to optimize")
        if self.content_loss is ContentLoss.QUERY and self.content_weight > 1:
            raise wrong("content_weight", "with content_loss=query it is a share, 1 at most")
        if self.optimizer is Optimizer.LBFGS and self._draws_each_step:
            message = "lbfgs needs the same samples for several steps; draw and match less often, or use adam"
            raise wrong("optimizer", message)
        if self.parameterization is Parameterization.LAPLACIAN:
            self._check_laplacian()
        if self.final_rate != 1 and self.carry_state:
            raise wrong("final_rate", "needs carry_state=false")
        if self.layers_per_style and (others := set(self.sampled_weights) - ON_STYLE_LAYERS):
            raise wrong("layers_per_style", f"does not apply to {', '.join(sorted(others))}: set that to 0")
        if self.final_pass and not (self.matching_weight and self.layer_matching_weight):
            raise wrong("final_pass", "needs matching_weight and layer_matching_weight above 0")
        if self.color_match is not ColorMatch.NONE and self.preserve_color is not PreserveColor.NONE:
            raise wrong("color_match", "cannot go with preserve_color: one keeps the colors that the other replaces")
        return self

    def _check_laplacian(self) -> None:
        if self.optimizer is Optimizer.LBFGS:
            raise wrong("parameterization", "laplacian needs adam or rmsprop; lbfgs has lbfgs_coarse to this end")
        if self.carry_state:
            raise wrong("parameterization", "laplacian needs carry_state=false: each scale has other bands")
        if self.clamp is Clamp.STEP:
            raise wrong("parameterization", "laplacian needs clamp=end: the clamped pixels have other bands")

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
            raise ValueError("step needs optimizer=adam or rmsprop, since clamping makes L-BFGS diverge")
        return value

    @classmethod
    def checked(cls, values: Mapping[str, object]) -> Self:
        """Validate `values`; raises one ConfigError that names every problem."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError.of(*problems_of(error)) from None

    @property
    def sampled_weights(self) -> dict[str, float]:
        """The weights above 0 of the style losses on samples of the features, by the names of the parameters."""
        weights = {name: getattr(self, name) for name in SAMPLED_LOSSES}
        return {name: weight for name, weight in weights.items() if weight}

    @property
    def columns(self) -> dict[str, float]:
        """The layers whose features the losses on samples read, with the weights of the hypercolumns' layers."""
        info, weights = NETWORKS[self.model], self.sampled_weights
        found: dict[str, float] = {}
        if "layer_matching_weight" in weights:
            found |= resolve_columns(self.matching_layers, info)
        if self.content_loss is ContentLoss.SELF_SIMILARITY or set(weights) & ON_HYPERCOLUMNS:
            found |= resolve_columns(self.hypercolumn_layers, info)
        return {name: weight for name, weight in found.items() if name != RGB}

    @property
    def all_style_layers(self) -> dict[str, float]:
        """The layers whose statistics are compared with any style; the weights are those of one of the styles."""
        found: dict[str, float] = {}
        for layers in self.layers_per_style or ({},):
            found |= layers or self.style_layers
        return found

    @property
    def _draws_each_step(self) -> bool:
        matches = self.matching_every == 1 and self.matching_weight > 0
        others = set(self.sampled_weights) - {"matching_weight"} or self.content_loss is ContentLoss.SELF_SIMILARITY
        return matches or (self.draw_every == 1 and bool(others))

    def at_scale(self, index: int, count: int) -> Self:
        """Return the parameters of one of `count` scales, counted from 0."""
        changes: dict[str, float] = {}
        is_last = index == count - 1
        if self.content_decay != 1:
            changes["content_weight"] = self.content_weight * self.content_decay**index
        if self.final_rate != 1 and is_last:
            changes["learning_rate"] = self.learning_rate * self.final_rate
        if self.final_pass:
            changes["matching_weight" if is_last else "layer_matching_weight"] = 0.0
        return self.model_copy(update=changes) if changes else self

    @property
    def style_factor(self) -> float:
        """Factor that `strength` puts on the style weight: 1 at 0.5, 0.01 at 0 and 100 at 1."""
        return float(10.0 ** (4.0 * (self.strength - 0.5)))


def _checked_layers(weights: dict[str, float], info: ValidationInfo) -> dict[str, float]:
    """Return the weights; raises ValueError if none is above 0, or if the network lacks a layer."""
    if not any(weights.values()):
        raise ValueError("give at least one layer a weight above 0; set the loss's weight to 0 to leave it out")
    if "model" in info.data:
        resolve = resolve_columns if info.field_name in ("hypercolumn_layers", "matching_layers") else resolve_layers
        resolve(weights, NETWORKS[info.data["model"]])
    return weights


def wrong(field: str, message: str) -> PydanticCustomError:
    """Return an error of parameters that do not fit together, to be shown for one of them."""
    return PydanticCustomError("together", "{message}", {"message": message, "field": field})


def problems_of(error: ValidationError) -> tuple[Problem, ...]:
    """Return the problems of a validation, each with the field, the value and the bound."""
    found = []
    for item in error.errors(include_url=False):
        field = ".".join(str(part) for part in item["loc"]) or str(item.get("ctx", {}).get("field", "parameters"))
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            message = "no such parameter"
        elif item["loc"] and isinstance(item["input"], str | int | float):
            message = f"{message}, got {item['input']!r:.80}"
        found.append(Problem(field=field, message=message))
    return tuple(found)
