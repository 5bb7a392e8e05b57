"""How good is a stylized picture? Six numbers, measured with pretrained networks.

    python -m bench.quality.judge RESULT CONTENT STYLE [RESULT CONTENT STYLE ...]

Prints one JSON object for each triple. The weights are in NST_WEIGHTS_DIR. Compare style distances only at equal
content distance. No number replaces eyes: bench/quality/jury.py counts their votes.

Style, lower is closer to the painting:
- `style_deep`: Gram matrices of VGG-16's relu1_1 … relu5_1. Sees strokes and large forms.
- `style_other`: quantiles of random projections of EfficientNet-Lite0's blocks (sliced Wasserstein distance). Another
  family of networks and no Gram matrix: what was trained or tuned on the first cannot have learnt it.
- `style`: Gram matrices of shallow layers of VGG-19 and SqueezeNet. Blind to large strokes.
Content, lower is closer to the photo: `content_deep` (VGG-16's relu4_2) and `content` (relu3_1, fire5).
`noise` (bench/quality/noise.py): noise, crinkles and patterns; about 1 is as clean as photo and painting.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from bench.quality.efficientnet import LAYERS, EfficientNetLite
from bench.quality.noise import noise
from nst_engine.images.reading import read_picture
from nst_engine.losses.moments import moment_sums
from nst_engine.networks.features import Network, NetworkSpec, load_body
from nst_engine.spec.enums import Model
from nst_engine.tensors import to_tensor

DEEP = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1")
SHALLOW = {Model.VGG19: ("relu1_1", "relu2_1", "relu3_1"), Model.SQUEEZENET: ("fire3", "fire5", "fire7")}
DIRECTIONS, QUANTILES = 128, 256  # of the sliced Wasserstein distance
Features = Mapping[str, Tensor]  # (1, C, h, w) by layer


@dataclass(frozen=True, kw_only=True)
class Score:
    """The six numbers."""

    style_deep: float
    style_other: float
    style: float
    content_deep: float
    content: float
    noise: float


class Judge:
    """Measures with four networks whose weights are in a folder."""

    def __init__(self, weights_dir: Path) -> None:
        specs = [NetworkSpec(model=model, layers=layers) for model, layers in SHALLOW.items()]
        self._shallow = [Network(load_body(spec, weights_dir)) for spec in specs]
        self._deep = Network(load_body(NetworkSpec(model=Model.VGG16_EDGES, layers=DEEP), weights_dir))
        self._other = EfficientNetLite(weights_dir)

    @torch.no_grad()
    def score(self, result: Image.Image, content: Image.Image, style: Image.Image) -> Score:
        """Measure a result; the content is scaled to its size, the longest side of the style to its longest side."""
        resized = content.convert("RGB").resize(result.size, Image.Resampling.LANCZOS)
        pictures = (result, resized, _fitted(style, max(result.size)))
        x, p, s = (to_tensor(picture)[None] for picture in pictures)
        deep, deep_content, deep_style = (self._deep.features(image) for image in (x, p, s))
        shallow, shallow_content, shallow_style = (self._shallow_features(image) for image in (x, p, s))
        other, other_style = (self._other.features(image) for image in (x, s))
        blocks = [f"block{index}" for index in LAYERS]
        return Score(
            style_deep=gram_distance(deep, deep_style, [layer for layer in DEEP if layer.endswith("_1")]),
            style_other=_mean([sliced_distance(other[block], other_style[block]) for block in blocks]),
            style=gram_distance(shallow, shallow_style, [layer for layers in SHALLOW.values() for layer in layers]),
            content_deep=content_distance(deep, deep_content, ["relu4_2"]),
            content=content_distance(shallow, shallow_content, ["relu3_1", "fire5"]),
            noise=noise(x, p, s),
        )

    def _shallow_features(self, image: Tensor) -> Features:
        return {name: f for network in self._shallow for name, f in network.features(image).items()}


def gram_distance(found: Features, wanted: Features, layers: Sequence[str]) -> float:
    """Return the mean of ‖G − A‖² / ‖A‖² over layers, with G = F Fᵀ / (h·w)."""
    terms = []
    for layer in layers:
        g, a = (moment_sums(f[layer]).mean().second for f in (found, wanted))
        terms.append(((g - a).square().sum() / a.square().sum()).item())
    return _mean(terms)


def content_distance(found: Features, wanted: Features, layers: Sequence[str]) -> float:
    """Return the mean of mean((F − P)²) / var(P) over layers."""
    return _mean([((found[k] - wanted[k]).square().mean() / wanted[k].var()).item() for k in layers])


def sliced_distance(found: Tensor, wanted: Tensor) -> float:
    """Return the mean squared distance of quantiles along random directions, over the variance of those wanted."""
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(DIRECTIONS, found.shape[1], generator=generator)
    directions /= directions.norm(dim=1, keepdim=True)
    levels = (torch.arange(QUANTILES) + 0.5) / QUANTILES
    one, other = (torch.quantile(directions @ f.flatten(2)[0], levels, dim=1) for f in (found, wanted))
    return ((one - other).square().mean() / other.var(dim=0).mean()).item()


def _fitted(picture: Image.Image, longest: int) -> Image.Image:
    ratio = longest / max(picture.size)
    size = (round(picture.width * ratio), round(picture.height * ratio))
    return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def main() -> None:
    """Print the numbers of each triple."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+", type=Path, metavar="RESULT CONTENT STYLE")
    pictures = parser.parse_args().pictures
    if len(pictures) % 3:
        parser.error("give a result, its content and its style, any number of times")
    if not os.environ.get("NST_WEIGHTS_DIR"):
        parser.error("set NST_WEIGHTS_DIR to the folder with the weights of the four networks")
    judge = Judge(Path(os.environ["NST_WEIGHTS_DIR"]))
    for result, content, style in zip(*[iter(pictures)] * 3, strict=True):
        score = judge.score(*(read_picture(path) for path in (result, content, style)))
        print(json.dumps({"result": str(result), **asdict(score)}))


if __name__ == "__main__":
    main()
