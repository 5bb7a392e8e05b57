"""The named systems, each as data: one frozen config, its source, and how exact it is; loads no torch.

Where a system leaves a number unsaid, the note says which value was taken. Three readings hold for all of them: L-BFGS
remembers 10 pairs (the originals' libraries remember 100), so that a checkpoint stays small; an image is clamped to
[0, 1] at the end only, unless a system clamps each step; and the arithmetic is float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nst_engine.spec.config import StyleConfig
from nst_engine.spec.enums import (
    Clamp,
    ContentLoss,
    GramScale,
    Init,
    InputConvention,
    LineSearch,
    Model,
    Optimizer,
    Padding,
    Pooling,
    Precision,
    SizeBy,
    StyleLoss,
    StyleStatistic,
    TvLoss,
)
from nst_engine.spec.errors import ConfigError, Problem
from nst_engine.spec.preset import Preset as Preset
from nst_engine.spec.preset import make_preset
from nst_engine.spec.sampled_presets import NNST, STROTSS

CONV = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
RELU = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")

# What the single-scale systems have in common.
_PLAIN: Mapping[str, Any] = {
    "model": Model.VGG19,
    "padding": Padding.ZEROS,
    "scales": 1,
    "carry_state": False,
    "detail": 0.0,
    "content_loss": ContentLoss.MEAN,
    "style_loss": StyleLoss.MEAN,
    "style_statistic": StyleStatistic.GRAM,
    "gram_scale": GramScale.CHW,
    "tv_weight": 0.0,
    "range_weight": 0.0,
    "lbfgs_coarse": 0.0,
    "precision": Precision.FLOAT32,
}


def _equal(layers: tuple[str, ...], weight: float = 1.0) -> dict[str, float]:
    return dict.fromkeys(layers, weight)


DEFAULT = make_preset(
    "default",
    "The best quality for the time, on every network: coarse to fine, with normalized losses, so that the same "
    "weights work at every size.",
    "This project.",
    "Exact.",
)

DRAFT = make_preset(
    "draft",
    "A first impression: `default` at 384 px with 20 of its 200 steps, on the smallest network. It has the painting's "
    "colors and strokes, but few of its large forms.",
    "This project.",
    "Exact.",
    model=Model.LITE_SMALL,
    max_size=384,
    steps=20,
    scale_factor=4.0,
    scale_shares=(4.0, 1.0),
)

FIVE_LAYER = make_preset(
    "five-layer",
    "Content and style on the same five layers of VGG-19; Adam, starting from the content image.",
    "One of five public implementations of Gatys, Ecker and Bethge 2015 that nst reproduces.",
    "The layers are relu1_1…relu5_1, because the in-place ReLU of the original overwrites the output of each "
    "convolution before the loss reads it. Assumed, where the original gives no value: Adam's learning rate 0.001, "
    "356 px, 6000 steps.",
    **{**_PLAIN, "gram_scale": GramScale.NONE, "style_loss": StyleLoss.MEAN_PER_CHW},
    content_layers=_equal(RELU),
    style_layers=_equal(RELU),
    content_weight=1.0,
    style_weight=0.01,
    optimizer=Optimizer.ADAM,
    learning_rate=0.001,
    max_size=356,
    steps=6000,
)

CLASSIC_LBFGS = make_preset(
    "classic-lbfgs",
    "The classic: content on conv4_2, style on five layers of VGG-19; L-BFGS, starting from the content image.",
    "One of five public implementations of Gatys, Ecker and Bethge 2015 that nst reproduces.",
    "Compares features before the ReLU. Assumed, where the original gives no value: Gram matrices divided by c·h·w.",
    **_PLAIN,
    content_layers={"conv4_2": 1.0},
    style_layers=_equal(CONV),
    content_weight=1.0,
    style_weight=1e6,
    optimizer=Optimizer.LBFGS,
    max_size=512,
    steps=300,
)

FROM_NOISE = make_preset(
    "from-noise",
    "Both losses on the same five layers of VGG-19, as plain sums of squares; starting from white noise.",
    "One of five public implementations of Gatys, Ecker and Bethge 2015 that nst reproduces.",
    "Compares features before the ReLU. Assumed, where the original gives no value: L-BFGS, 512 px, 500 steps, and a "
    "style weight that makes the two losses start within a factor of 10 of each other.",
    **{**_PLAIN, "gram_scale": GramScale.NONE, "style_loss": StyleLoss.SUM, "content_loss": ContentLoss.HALF_SUM},
    content_layers=_equal(CONV),
    style_layers=_equal(CONV),
    content_weight=1.0,
    style_weight=1e-6,
    init=Init.GAUSSIAN,
    optimizer=Optimizer.LBFGS,
    max_size=512,
    steps=500,
)

DEEP_CONTENT = make_preset(
    "deep-content",
    "Content on the deep layer conv5_2, so that the style may distort shapes; Adam with many small steps, starting "
    "from the content image.",
    "One of five public implementations of Gatys, Ecker and Bethge 2015 that nst reproduces.",
    "Compares features before the ReLU. Assumed, where the original gives no value: a mean squared content loss, Gram "
    "matrices divided by c·h·w.",
    **_PLAIN,
    content_layers={"conv5_2": 1.0},
    style_layers=_equal(CONV, 0.2),
    content_weight=0.01,
    style_weight=1e7,
    optimizer=Optimizer.ADAM,
    learning_rate=0.001,
    max_size=400,
    steps=7000,
)

CNN_EXPLORER = make_preset(
    "cnn-explorer",
    "A system for comparing networks, layers and initial images: VGG-19, L-BFGS with a strong-Wolfe line search, "
    "400 px high.",
    "One of five public implementations of Gatys, Ecker and Bethge 2015 that nst reproduces.",
    "Each style layer has weight 1/5, because the original takes the mean over its five layers. Assumed, where the "
    "original gives no value: 1000 steps (with Adam: learning rate 10, 3000 steps).",
    **{**_PLAIN, "style_loss": StyleLoss.SUM, "tv_weight": 1.0},
    input_convention=InputConvention.MEAN255,
    content_layers={"relu4_2": 1.0},
    style_layers=_equal(RELU, 0.2),
    content_weight=1e5,
    style_weight=3e4,
    tv_loss=TvLoss.L1,
    optimizer=Optimizer.LBFGS,
    line_search=LineSearch.STRONG_WOLFE,
    size_by=SizeBy.HEIGHT,
    max_size=400,
    steps=1000,
)

GATYS_AUTHORS = make_preset(
    "gatys-authors",
    "The authors' own release: 512 px, then 800 px from the enlarged result.",
    "Gatys, Ecker, Bethge, Hertzmann and Shechtman 2017 (github.com/leongatys/PytorchNeuralStyleTransfer).",
    "Approximate with torchvision's weights: the original network was trained with Caffe.",
    **{**_PLAIN, "gram_scale": GramScale.HW, "scales": 2},
    input_convention=InputConvention.CAFFE,
    content_layers={"relu4_2": 1.0},
    style_layers={layer: 1e3 / c**2 for layer, c in zip(RELU, (64, 128, 256, 512, 512), strict=True)},
    content_weight=1.0,
    style_weight=1.0,
    optimizer=Optimizer.LBFGS,
    max_size=800,
    scale_factor=800 / 512,
    scale_shares=(5.0, 2.0),
    steps=700,
)

NEURAL_STYLE = make_preset(
    "neural-style",
    "The best-known early implementation: VGG-19, total variation, 1000 steps of L-BFGS from faint noise.",
    "Johnson 2015 (github.com/jcjohnson/neural-style).",
    "Approximate with torchvision's weights: the original network was trained with Caffe. The original adds total "
    "variation to the gradient only; here it is part of the loss, as Σd².",
    **{**_PLAIN, "tv_weight": 1e-3},
    input_convention=InputConvention.CAFFE,
    content_layers={"relu4_2": 1.0},
    style_layers=_equal(RELU),
    content_weight=5.0,
    style_weight=100.0,
    tv_loss=TvLoss.L2,
    init=Init.GAUSSIAN,
    init_std=1e-3,
    optimizer=Optimizer.LBFGS,
    max_size=512,
    steps=1000,
)

MULTISCALE_W2 = make_preset(
    "multiscale-w2",
    "Five scales with Adam and averaged iterates; the style loss is the Wasserstein distance between Gaussians fitted "
    "to the features.",
    "Crowson 2021 (github.com/crowsonkb/style-transfer-pytorch).",
    "Exact at 512 px: 1000 steps at the first of five scales, then 500 at each of the others.",
    model=Model.VGG19,
    padding=Padding.REPLICATE,
    pooling=Pooling.MAX,
    precision=Precision.FLOAT32,
    content_layers={"relu4_2": 1.0},
    style_layers={layer: w / 341 for layer, w in zip(RELU, (256, 64, 16, 4, 1), strict=True)},
    content_loss=ContentLoss.MEAN,
    style_statistic=StyleStatistic.WASSERSTEIN,
    style_loss=StyleLoss.MEAN,
    content_weight=0.015,
    style_weight=1.0,
    tv_weight=2.0,
    tv_loss=TvLoss.MEAN_EIGHT,
    range_weight=0.0,
    style_upscale=False,
    optimizer=Optimizer.ADAM,
    learning_rate=0.02,
    adam_beta1=0.9,
    adam_beta2=0.99,
    clamp=Clamp.STEP,
    average_decay=0.99,
    scales=5,
    scale_factor=2**0.5,
    min_size=128,
    detail=0.0,
    scale_shares=(2.0, 1.0),
    steps=3000,
    max_size=512,
)

PRESETS: Mapping[str, Preset] = {
    preset.name: preset
    for preset in (
        DEFAULT,
        DRAFT,
        FIVE_LAYER,
        CLASSIC_LBFGS,
        FROM_NOISE,
        DEEP_CONTENT,
        CNN_EXPLORER,
        GATYS_AUTHORS,
        NEURAL_STYLE,
        MULTISCALE_W2,
        STROTSS,
        NNST,
    )
}


def resolve(preset: str = "default", overrides: Mapping[str, object] | None = None) -> StyleConfig:
    """Return the preset's values with `overrides` in their place; raises ConfigError naming every problem."""
    if preset not in PRESETS:
        names = ", ".join(PRESETS)
        message = f"no preset {preset!r:.60}; there are {names}"
        raise ConfigError.of(Problem(field="preset", message=message))
    values = PRESETS[preset].config.model_dump() | dict(overrides or {})
    return StyleConfig.checked(values | {"preset": preset})
