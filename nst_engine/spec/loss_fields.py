"""The parameters of the losses; loads no torch."""

from __future__ import annotations

from nst_engine.spec.basic_fields import BasicFields
from nst_engine.spec.enums import ContentLoss, GramScale, HypercolumnScale, StyleLoss, StyleStatistic, TvLoss
from nst_engine.spec.parameter import parameter
from nst_engine.spec.value_types import LayerWeights

ON_HYPERCOLUMNS = {"matching_weight", "remd_weight", "moment_weight"}
ON_STYLE_LAYERS = {"sliced_weight", "histogram_weight"}
SAMPLED_LOSSES = (
    "matching_weight",
    "layer_matching_weight",
    "remd_weight",
    "moment_weight",
    "color_weight",
    "sliced_weight",
    "histogram_weight",
)


class LossFields(BasicFields):
    """The weights of the losses and their forms."""

    content_weight: float = parameter(0.1, "losses", "Weight of the content loss; 0 leaves it out.", ge=0, le=1e12)
    style_weight: float = parameter(1.0, "losses", "Weight of the style loss; 0 leaves it out.", ge=0, le=1e12)
    matching_weight: float = parameter(
        0.0,
        "losses",
        "Weight of the nearest-neighbor matching: the cosine distance of each hypercolumn to one of the style.",
        ge=0,
        le=1e9,
    )
    layer_matching_weight: float = parameter(
        0.0,
        "losses",
        "Weight of the nearest-neighbor matching of each layer by itself.",
        ge=0,
        le=1e9,
    )
    remd_weight: float = parameter(
        0.0, "losses", "Weight of the relaxed earth mover's distance between hypercolumns.", ge=0, le=1e9
    )
    moment_weight: float = parameter(
        0.0, "losses", "Weight of the difference in mean and covariance between hypercolumns.", ge=0, le=1e9
    )
    color_weight: float = parameter(
        0.0, "losses", "Weight of the relaxed earth mover's distance between colors.", ge=0, le=1e9
    )
    sliced_weight: float = parameter(
        0.0, "losses", "Weight of the sliced Wasserstein distance on style_layers.", ge=0, le=1e9
    )
    histogram_weight: float = parameter(
        0.0, "losses", "Weight of the distance between the histograms of each channel on style_layers.", ge=0, le=1e9
    )
    tv_weight: float = parameter(2.0, "losses", "Weight of the total variation loss; more is smoother.", ge=0, le=1e9)
    range_weight: float = parameter(
        0.0, "losses", "Weight of the penalty on pixel values outside [0, 1].", ge=0, le=1e9
    )
    temporal_weight: float = parameter(
        500.0,
        "losses",
        "Weight of the temporal loss, which holds each frame of a film to the frames before it; more flickers less. "
        "Still pictures have none.",
        ge=0,
        le=1e9,
    )
    content_loss: ContentLoss = parameter(
        ContentLoss.NORMALIZED,
        "losses",
        "How content features are compared: mean is the mean squared difference, half_sum half the sum of squares, "
        "normalised the mean divided by the target's variance, self_similarity compares distances within the picture "
        "(the sum of all losses is then divided by content_weight + 2), query has no loss: content_weight is the share "
        "of the content in the picture that is matched.",
    )
    content_decay: float = parameter(
        1.0, "losses", "Factor on the content weight from one scale to the next.", gt=0, le=1
    )
    style_statistic: StyleStatistic = parameter(
        StyleStatistic.WASSERSTEIN,
        "losses",
        "Statistics of the features that are compared: Gram matrices, or fitted Gaussians (wasserstein).",
    )
    gram_scale: GramScale = parameter(
        GramScale.HW,
        "losses",
        "What a Gram matrix is divided by: nothing, height × width (hw), or channels × height × width (chw).",
    )
    style_loss: StyleLoss = parameter(
        StyleLoss.NORMALIZED,
        "losses",
        "How statistics are compared: mean and sum are those of the squared differences, mean_per_chw is the mean "
        "divided by channels × height × width, normalised the sum divided by that of the style's own values. Fitted "
        "Gaussians know normalised and mean.",
    )
    tv_loss: TvLoss = parameter(
        TvLoss.MEAN_EIGHT,
        "losses",
        "Form of the total variation: l1 sums the absolute differences of neighboring pixels, l2 the squared ones, "
        "mean_eight is a weighted mean of the squared differences from all eight neighbors.",
    )

    hypercolumn_layers: LayerWeights = parameter(
        {"hypercolumn": 1.0},
        "sampling",
        "Layers that are joined to hypercolumns, with factors: rgb:0.3,relu3_1:1. hypercolumn stands for a list of any "
        "network, rgb for the pixels.",
    )
    hypercolumn_scale: HypercolumnScale = parameter(
        HypercolumnScale.NORM,
        "sampling",
        "What a hypercolumn's layers are divided by: nothing, their channel count (channels), their mean norm (norm), "
        "or all by the same mean deviation (deviation).",
    )
    matching_layers: LayerWeights = parameter(
        {"hypercolumn": 1.0}, "sampling", "Layers or roles of layer_matching_weight, with weights."
    )
    matching_stride: int = parameter(
        8, "sampling", "Distance of the hypercolumns that are matched, in pixels.", ge=1, le=64
    )
    matching_cells: int = parameter(
        64,
        "sampling",
        "Number of positions along the longest side at which a layer is matched by layer_matching_weight.",
        ge=1,
        le=1024,
    )
    matching_every: int = parameter(
        25,
        "sampling",
        "Steps after which hypercolumns are matched to the style again; 0 matches once for each scale.",
        ge=0,
        le=20_000,
    )
    draw_every: int = parameter(
        25, "sampling", "Steps after which positions and directions are drawn again.", ge=1, le=20_000
    )
    picture_samples: int = parameter(
        1024, "sampling", "Number of positions at which hypercolumns of the picture are read.", ge=2, le=65_536
    )
    style_samples: int = parameter(
        5000, "sampling", "Number of positions at which hypercolumns of each style image are read.", ge=2, le=65_536
    )
    style_turns: bool = parameter(
        False, "sampling", "Match features of the style images turned by 90, 180 and 270 degrees, too."
    )
