"""The parameters of the picture and of the network; loads no torch."""

from __future__ import annotations

from pydantic import BaseModel

from nst_engine.spec.enums import InputConvention, Model, Padding, Pooling, PreserveColor
from nst_engine.spec.parameter import parameter
from nst_engine.spec.value_types import LayersPerStyle, LayerWeights

MAX_SIZE = 8192


class BasicFields(BaseModel):
    """What most users set, and the network whose features are compared."""

    preset: str = parameter("default", "basic", "Preset that supplies every value that is not given.", max_length=40)
    strength: float = parameter(
        0.5,
        "basic",
        "How strongly the style shows: 0 is nearly the photo, 0.5 keeps the preset's balance, 1 is nearly all style.",
        ge=0,
        le=1,
    )
    max_size: int = parameter(
        512, "basic", "Longest side of the result in pixels; pictures are never enlarged.", ge=16, le=MAX_SIZE
    )
    steps: int = parameter(200, "basic", "Total number of iterations over all scales.", ge=1, le=20_000)
    preserve_color: PreserveColor = parameter(
        PreserveColor.NONE,
        "basic",
        "Keep the content's colors: transfer only the luminance, or first match the style's colors to them (linear).",
    )
    seed: int = parameter(
        0, "basic", "Seed of the random numbers; the same seed gives the same picture.", ge=0, le=2**31 - 1
    )

    model: Model = parameter(Model.LITE, "network", "Pretrained network whose features are compared.")
    input_convention: InputConvention = parameter(
        InputConvention.TORCHVISION,
        "network",
        "Units of the pixels in the system that a preset reproduces; weights trained with others are converted.",
    )
    pooling: Pooling = parameter(
        Pooling.MAX,
        "network",
        "What replaces the network's max pooling: average or l2 (root mean square); max keeps it.",
    )
    padding: Padding = parameter(
        Padding.REPLICATE,
        "network",
        "Padding of the convolutions: zeros, the repeated border for the first one (replicate) or for all "
        "(replicate_all, which losses that match features need).",
    )
    content_layers: LayerWeights = parameter(
        {"content": 1.0},
        "network",
        "Layers compared with the content, with weights: relu4_2:1. A role (content, style1…style5) stands for a layer "
        "of any network.",
    )
    style_layers: LayerWeights = parameter(
        {"style1": 1.7, "style2": 0.7, "style3": 0.3, "style4": 0.2, "style5": 0.1},
        "network",
        "Layers or roles whose statistics are compared with the style, with weights: relu1_1:1,relu2_1:0.5.",
    )
    layers_per_style: LayersPerStyle = parameter(
        None,
        "network",
        "In place of style_layers, the layers of each style in the order of the styles: style1,style2;style4,style5 "
        "takes fine texture from the first and coarse strokes from the second. One that is empty has style_layers.",
    )
