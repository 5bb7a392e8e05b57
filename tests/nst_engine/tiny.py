"""A network small enough to work out by hand, that goes by the names of `lite`, and pictures to go with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nst_engine.losses.objective import Evaluation, Objective
from nst_engine.networks.features import Network
from nst_engine.spec.config import StyleConfig

DEEP = "relu2_1"
SHALLOW = "relu1_1"

# Every value that a test here depends on, so that tuning the default preset changes no test.
PLAIN: Mapping[str, Any] = {
    "model": "lite",
    "content_layers": {DEEP: 1.0},
    "style_layers": {SHALLOW: 1.0, DEEP: 0.5},
    "content_weight": 1.0,
    "style_weight": 1.0,
    "tv_weight": 0.0,
    "range_weight": 0.0,
    "content_loss": "mean",
    "style_statistic": "gram",
    "gram_scale": "hw",
    "style_loss": "mean",
    "tv_loss": "l2",
    "init": "content",
    "optimizer": "adam",
    "learning_rate": 0.02,
    "line_search": "none",
    "clamp": "end",
    "average_decay": 0.0,
    "plateau": 0.0,
    "lbfgs_coarse": 0.0,
    "scales": 1,
    "scale_factor": 2.0,
    "min_size": 16,
    "scale_shares": (1.0,),
    "carry_state": True,
    "max_size": 40,
    "steps": 4,
    "memory": "normal",
    "precision": "float32",
}


def config(**changes: Any) -> StyleConfig:
    """Return plain parameters with some changed."""
    return StyleConfig.checked({**PLAIN, **changes})


class TinyBody(nn.Module):
    """Two smooth layers: 4 channels at full size, 5 at half."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 5, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        shallow = torch.nn.functional.softplus(self.first(x))
        return {SHALLOW: shallow, DEEP: torch.nn.functional.softplus(self.second(shallow))}


def seeded(module: nn.Module, seed: int = 0) -> nn.Module:
    """Fill a module with He-distributed weights (He et al. 2015), so that deep features neither vanish nor explode."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in module.state_dict().items():
        if value.ndim > 1:
            value.copy_(torch.randn(value.shape, generator=generator) * (2 / value[0].numel()) ** 0.5)
        elif "running_var" in name or ("weight" in name and value.ndim == 1):
            value.fill_(1.0)
        else:
            value.zero_()
    return module.eval().requires_grad_(False)


def network(dtype: torch.dtype = torch.float32, **options: Any) -> Network:
    """Return the tiny network."""
    return Network(seeded(TinyBody()).to(dtype), **options)


def picture(height: int, width: int, seed: int = 1, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return random pixels (3, H, W) in [0.1, 0.9], with no two the same."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(3, height, width, generator=generator, dtype=torch.float64).to(dtype) * 0.8 + 0.1


def photo(height: int, width: int, seed: int = 1) -> Tensor:
    """Return a smooth picture (3, H, W) in [0, 1]: noise from 5 x 5 pixels up."""
    small = picture(5, 5, seed)[None]
    return torch.nn.functional.interpolate(small, (height, width), mode="bicubic", align_corners=False)[0].clamp(0, 1)


def objective(values: StyleConfig, *, on: Network | None = None, **inputs: Any) -> Objective:
    """Return an objective on the tiny network in float64, with a 10 x 9 content and one 8 x 11 style."""
    double = torch.float64
    given = {"content": picture(10, 9, 1, double)[None], "styles": [picture(8, 11, 2, double)[None]]}
    return Objective(on or network(double), values, **{**given, **inputs})


def same(one: Evaluation, other: Evaluation, *, tolerance: float) -> bool:
    """Tell whether losses and gradient agree, relative to their size."""
    pairs = [(one.loss, other.loss), (one.content, other.content), (one.style, other.style), (one.tv, other.tv)]
    losses = all(torch.isclose(a, b, rtol=tolerance, atol=1e-9) for a, b in pairs)
    gap = (one.gradient - other.gradient).norm() / other.gradient.norm()
    return losses and bool(gap < tolerance)
