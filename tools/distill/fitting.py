"""Fits the layers of `lite` one after the other, each from the features that the layers before it compute."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from nst_engine.networks.lite import POOLED, Ranks
from tools.distill.low_rank import LeastSquares, chosen_channels, input_projection
from tools.distill.teacher import Kernel, convolve

POSITIONS = 400  # sampled in each picture
BATCH = 16

Layer = dict[str, Tensor]  # the parameters of one convolution of the student, and the teacher's channels that it has


@dataclass
class Features:
    """What teacher and student compute from the same pictures, before one convolution; (N, C, H, W) each, in float16.

    `spread` maps the student's channels to the teacher's, (teacher's, student's), or is None if they are the same.
    """

    teacher: Tensor
    student: Tensor
    spread: Tensor | None = None


@torch.no_grad()
def fit(
    name: str,
    ranks: Ranks,
    kernel: Kernel,
    features: Features,
    generator: torch.Generator,
    known: Layer | None = None,
) -> tuple[Layer, Features, float]:
    """Fit one convolution; return it, the features before the next one and the share of variance left unexplained.

    known: the layer that an earlier run fitted; only the features are then computed.
    """
    if name in POOLED:
        teacher, student = (F.max_pool2d(f.float(), 2).half() for f in (features.teacher, features.student))
        features = Features(teacher, student, features.spread)
    wanted = _mapped(features.teacher, lambda x: convolve(x, *kernel))
    places = _places(wanted, generator)
    samples = _at(wanted, places)
    layer = known or _fit_layer(ranks, kernel, features, samples, places)
    channels = layer["channels"]
    found = _mapped(features.student, lambda x: run(layer, x))
    predicted = _at(found, places).relu()
    share = _unexplained(predicted, samples[:, channels].relu())
    spread = None
    if len(channels) < len(kernel[1]):
        squares = LeastSquares.empty(len(channels), len(kernel[1]))
        squares.add(predicted, samples.relu())
        spread = squares.solve()[:-1].T.float()
    return layer, Features(wanted.relu(), found.relu(), spread), share


def run(layer: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """Return the output, before the ReLU, of a fitted convolution."""
    if "down.weight" in layer:
        x = F.conv2d(x, layer["down.weight"])
    x = convolve(x, layer["core.weight"], layer.get("core.bias"))
    return F.conv2d(x, layer["up.weight"], layer["up.bias"]) if "up.weight" in layer else x


@torch.no_grad()
def unexplained_shares(layers: Mapping[str, Layer], teacher: Mapping[str, Kernel], image: Tensor) -> dict[str, float]:
    """Return the share of each layer's variance that the student leaves unexplained on a picture (1, 3, H, W)."""
    wanted, found, shares = image, image, {}
    for name, layer in layers.items():
        if name in POOLED:
            wanted, found = F.max_pool2d(wanted, 2), F.max_pool2d(found, 2)
        wanted, found = convolve(wanted, *teacher[name]).relu(), run(layer, found).relu()
        shares[name] = _unexplained(*(f[0].flatten(1).T for f in (found, wanted[:, layer["channels"]])))
    return shares


def _unexplained(found: Tensor, wanted: Tensor) -> float:
    """Return the share of the variance of outputs (N, C) that is left unexplained, summed over the channels."""
    return ((found - wanted).square().mean(0).sum() / wanted.var(0).sum()).item()


def _fit_layer(ranks: Ranks, kernel: Kernel, features: Features, wanted: Tensor, places: Tensor) -> Layer:
    weight, bias = kernel
    channels = torch.arange(len(bias))
    if ranks.channels < len(channels):
        channels = chosen_channels(wanted.relu(), ranks.channels)
    if weight.shape[1] == 3:  # reads pixels, like the teacher's
        return {"core.weight": weight[channels], "core.bias": bias[channels], "channels": channels}
    return {**_low_rank(ranks, weight[channels], features, wanted[:, channels], places), "channels": channels}


def _low_rank(ranks: Ranks, kernel: Tensor, features: Features, wanted: Tensor, places: Tensor) -> Layer:
    layer: Layer = {}
    inputs = features.student
    if ranks.input and ranks.output:
        seen = kernel if features.spread is None else torch.einsum("oihw,ic->ochw", kernel, features.spread)
        down = input_projection(seen, wanted, _at(inputs, places), rank=ranks.input, output_rank=ranks.output)
        layer["down.weight"] = down.float()[..., None, None]
        inputs = _mapped(inputs, lambda x: F.conv2d(x, layer["down.weight"]))
    squares = _patch_squares(inputs, wanted, places)
    if ranks.output:
        core, up, bias = squares.solve_rank(ranks.output)
        layer |= {"up.weight": up.T.float()[..., None, None], "up.bias": bias.float()}
    else:
        whole = squares.solve()
        core, layer["core.bias"] = whole[:-1], whole[-1].float()
    layer["core.weight"] = core.T.float().unflatten(1, (-1, 3, 3))
    return layer


def _patch_squares(inputs: Tensor, wanted: Tensor, places: Tensor) -> LeastSquares:
    """Sum over the 3x3 patches of the inputs at the sampled places."""
    squares = LeastSquares.empty(9 * inputs.shape[1], wanted.shape[1])
    for rows in _batches(len(inputs)):
        padded = F.pad(inputs[rows].float(), (1, 1, 1, 1), mode="replicate")
        patches = [F.unfold(p[None], 3)[0][:, at].T for p, at in zip(padded, places[rows], strict=True)]
        first = rows.start * places.shape[1]
        x = torch.cat(patches)
        squares.add(x, wanted[first : first + len(x)])
    return squares


def _places(features: Tensor, generator: torch.Generator) -> Tensor:
    """Draw positions in each picture, (N, count)."""
    positions = features.shape[-2] * features.shape[-1]
    drawn = [torch.randperm(positions, generator=generator)[:POSITIONS] for _ in range(len(features))]
    return torch.stack(drawn)


def _at(features: Tensor, places: Tensor) -> Tensor:
    """Return the features at positions, (N · count, C), in float32."""
    return torch.cat([f.flatten(1)[:, at].T.float() for f, at in zip(features, places, strict=True)])


def _mapped(features: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Apply a function to batches of the features and keep the results in float16, cut off at its largest value."""
    most = torch.finfo(torch.float16).max
    return torch.cat([function(features[rows].float()).clamp(-most, most).half() for rows in _batches(len(features))])


def _batches(count: int) -> Iterator[slice]:
    for first in range(0, count, BATCH):
        yield slice(first, min(first + BATCH, count))
