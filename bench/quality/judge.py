"""How close a picture is to its style and its content, measured with pretrained networks that did not make it.

The style distance is the mean over relu1_1, relu2_1, relu3_1 (VGG-19) and fire3, fire5, fire7 (SqueezeNet v1.1) of
‖G(result) − G(style)‖²_F / ‖G(style)‖²_F with G = F Fᵀ/(h·w); the content distance is the mean over relu3_1 and
fire5 of mean((F − P)²)/var(P). Both at the result's size; lower is closer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from nst_engine.losses.moments import moment_sums
from nst_engine.networks.features import Network, NetworkSpec, load_body
from nst_engine.spec.enums import Model
from nst_engine.tensors import to_tensor

STYLE = {Model.VGG19: ("relu1_1", "relu2_1", "relu3_1"), Model.SQUEEZENET: ("fire3", "fire5", "fire7")}
CONTENT = ("relu3_1", "fire5")


@dataclass(frozen=True, kw_only=True)
class Score:
    """The two distances."""

    style: float
    content: float


class Judge:
    """Measures with VGG-19 and SqueezeNet, whose weights are in a folder."""

    def __init__(self, weights_dir: Path) -> None:
        specs = [NetworkSpec(model=model, layers=layers) for model, layers in STYLE.items()]
        self._networks = [Network(load_body(spec, weights_dir)) for spec in specs]

    @torch.no_grad()
    def score(self, result: Image.Image, content: Image.Image, style: Image.Image) -> Score:
        """Measure a result; the content is scaled to its size, the longest side of the style to its longest side."""
        x = self._features(result)
        p = self._features(content.convert("RGB").resize(result.size, Image.Resampling.LANCZOS))
        s = self._features(_fitted(style.convert("RGB"), max(result.size)))
        style_terms = [
            _relative(moment_sums(x[k]).mean().second, moment_sums(s[k]).mean().second)
            for ks in STYLE.values()
            for k in ks
        ]
        content_terms = [((x[k] - p[k]).square().mean() / p[k].var()).item() for k in CONTENT]
        return Score(style=_mean(style_terms), content=_mean(content_terms))

    def _features(self, picture: Image.Image) -> Mapping[str, Tensor]:
        image = to_tensor(picture)[None]
        return {name: f for network in self._networks for name, f in network.features(image).items()}


def _fitted(picture: Image.Image, longest: int) -> Image.Image:
    ratio = longest / max(picture.size)
    size = (round(picture.width * ratio), round(picture.height * ratio))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _relative(found: Tensor, wanted: Tensor) -> float:
    return ((found - wanted).square().sum() / wanted.square().sum()).item()


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
