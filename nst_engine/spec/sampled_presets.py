"""The systems whose losses compare samples of the features: STROTSS and NNST; loads no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nst_engine.spec.enums import (
    Clamp,
    ColorMatch,
    ContentLoss,
    HypercolumnScale,
    Init,
    Model,
    Optimizer,
    Padding,
    Parameterization,
    Precision,
)
from nst_engine.spec.preset import make_preset

# What both have in common. Layers that no loss reads name one that is computed anyway.
_PYRAMID: Mapping[str, Any] = {
    "model": Model.VGG16,
    "padding": Padding.ZEROS,
    "precision": Precision.FLOAT32,
    "content_layers": {"style1": 1.0},
    "style_layers": {"style1": 1.0},
    "style_weight": 0.0,
    "tv_weight": 0.0,
    "range_weight": 0.0,
    "parameterization": Parameterization.LAPLACIAN,
    "learning_rate": 2e-3,
    "clamp": Clamp.END,
    "draw_every": 1,
    "scales": 4,
    "scale_factor": 2.0,
    "min_size": 64,
    "scale_shares": (1.0,),
    "carry_state": False,
    "max_size": 512,
    "steps": 1000,
}

STROTSS = make_preset(
    "strotss",
    "Style transfer by relaxed optimal transport and self-similarity: hypercolumns of VGG-16 at random positions, "
    "optimized in a Laplacian pyramid from the style's mean color. content_weight is the alpha of the first scale.",
    "Kolkin, Salavon and Shakhnarovich 2019 (github.com/nkolkin13/STROTSS).",
    "Approximate: 250 steps at each of 64, 128, 256 and 512 px; pictures are resized bicubically with antialiasing. "
    "Colors are RGB minus 0.5. Not copied from public ports: 200 steps, floored positions of the style's samples, rows "
    "and columns shuffled apart, and a result stretched to the full range.",
    **_PYRAMID,
    content_loss=ContentLoss.SELF_SIMILARITY,
    content_weight=16.0,
    content_decay=0.5,
    remd_weight=1.0,
    moment_weight=1.0,
    color_weight=1.0,
    hypercolumn_layers={"rgb": 1.0, "hypercolumn": 1.0},
    hypercolumn_scale=HypercolumnScale.NONE,
    picture_samples=1024,
    style_samples=5000,
    init=Init.STYLE_MEAN,
    detail=1.0,
    optimizer=Optimizer.RMSPROP,
    final_rate=0.5,
    pyramid_levels=5,
)

_TO_RELU4_3 = ("1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "4_1", "4_2", "4_3")

NNST = make_preset(
    "nnst",
    "Neural neighbor style transfer: each hypercolumn of VGG-16 is matched to the nearest one of the style, once at "
    "each scale, then each layer by itself. content_weight is the content's share (alpha) in what is matched.",
    "Kolkin, Kucera, Paris, Sykora, Shechtman and Lukac 2022 (github.com/nkolkin13/NeuralNeighborStyleTransfer).",
    "Approximate: 200 steps at each of four scales and in a final pass; pictures are resized bicubically with "
    "antialiasing. Not copied from the public code: in the final pass it reads a layer of at most 64 cells a side from "
    "the layer before, and it drops the last step of each scale.",
    **_PYRAMID,
    content_loss=ContentLoss.QUERY,
    content_weight=0.75,
    matching_weight=1.0,
    layer_matching_weight=1.0,
    hypercolumn_layers={f"relu{layer}": 1.0 for layer in _TO_RELU4_3},
    hypercolumn_scale=HypercolumnScale.CHANNELS,
    matching_layers={f"relu{layer}": 1.0 for layer in _TO_RELU4_3},
    matching_stride=4,
    matching_cells=64,
    matching_every=0,
    style_turns=True,
    init=Init.CONTENT,
    detail=0.0,
    optimizer=Optimizer.ADAM,
    pyramid_levels=8,
    final_pass=True,
    color_match=ColorMatch.CHROMA,
)
