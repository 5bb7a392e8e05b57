"""Runs of the tiny network, for the tests beside this file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from nst_engine import Step, stylize
from nst_engine.networks.features import Network
from nst_engine.spec.config import StyleConfig
from tests.nst_engine.tiny import DEEP, SHALLOW, TinyBody, config, network, photo, picture

CONTENT, STYLE = photo(48, 44, 1), picture(40, 44, 2)


def run(values: StyleConfig, *, on: Network | None = None, **inputs: Any) -> Iterator[Step]:
    given: dict[str, Any] = {"content": CONTENT, "styles": [STYLE], **inputs}
    content, styles = given.pop("content"), given.pop("styles")
    convention = values.input_convention
    return stylize(content, styles, values, network=on or network(convention=convention), **given)


def last(steps: Iterator[Step]) -> tuple[Step, Tensor]:
    """Run to the end; return the last step and its picture."""
    *_, step = steps
    return step, step.image()


SCALED = {"scales": 2, "min_size": 32, "max_size": 48, "scale_factor": 1.25, "steps": 7, "scale_shares": (3, 4)}


SAMPLED: dict[str, Any] = {
    "matching_weight": 1.0,
    "layer_matching_weight": 0.5,
    "remd_weight": 1.0,
    "moment_weight": 1.0,
    "color_weight": 1.0,
    "sliced_weight": 1.0,
    "histogram_weight": 1.0,
    "hypercolumn_layers": {"rgb": 1.0, SHALLOW: 1.0, DEEP: 1.0},
    "matching_layers": {SHALLOW: 1.0, DEEP: 1.0},
    "matching_every": 3,
    "draw_every": 2,
    "picture_samples": 40,
    "style_samples": 50,
}
KINDS = {
    "adam": config(**SCALED),
    "adam that averages and clamps": config(**SCALED, average_decay=0.9, clamp="step"),
    "adam that starts over at each scale": config(**SCALED, carry_state=False),
    "lbfgs": config(**SCALED, optimizer="lbfgs", learning_rate=1.0, lbfgs_history=3),
    "lbfgs that averages": config(**SCALED, optimizer="lbfgs", learning_rate=1.0, average_decay=0.5),
    "lbfgs with line search": config(**SCALED, optimizer="lbfgs", learning_rate=1.0, line_search="strong_wolfe"),
    "from noise, pixels to 255": config(**SCALED, init="gaussian", learning_rate=2.0, input_convention="mean255"),
    "wasserstein": config(**SCALED, style_statistic="wasserstein"),
    "adam on samples": config(**SCALED, **SAMPLED, content_loss="self_similarity", content_decay=0.5),
    "lbfgs on samples": config(**SCALED, **SAMPLED, optimizer="lbfgs", learning_rate=1.0),
    "rmsprop on bands": config(
        **SCALED,
        **SAMPLED,
        optimizer="rmsprop",
        parameterization="laplacian",
        carry_state=False,
        final_rate=0.5,
        final_pass=True,
        init="style_mean",
        color_match="chroma",
    ),
    "line search on samples": config(
        **SCALED, **SAMPLED, optimizer="lbfgs", learning_rate=1.0, line_search="strong_wolfe"
    ),
}


class Watching(TinyBody):
    """Remembers what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        self.seen.append(x.detach().clone())
        return super().forward(x)
