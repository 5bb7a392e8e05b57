"""The choices of the parameters that have a fixed set of values; loads no torch."""

from __future__ import annotations

from enum import StrEnum


class Model(StrEnum):
    LITE = "lite"
    LITE_SMALL = "lite-small"
    VGG19 = "vgg19"
    VGG16 = "vgg16"
    VGG16_EDGES = "vgg16-edges"
    SQUEEZENET = "squeezenet1_1"
    RESNET50 = "resnet50"
    INCEPTION = "inception_v3"


class InputConvention(StrEnum):
    """How pixels in [0, 1] become network input: for a preset, or for the network that weights were trained as."""

    TORCHVISION = "torchvision"  # RGB, minus the ImageNet mean, divided by its standard deviation
    CAFFE = "caffe"  # BGR, 0…255, minus the mean of the VGG authors
    MEAN255 = "mean255"  # RGB, 0…255, minus the ImageNet mean


class Pooling(StrEnum):
    MAX = "max"
    AVERAGE = "average"
    L2 = "l2"


class Padding(StrEnum):
    ZEROS = "zeros"
    REPLICATE = "replicate"  # of the first convolution, as in Crowson 2021
    REPLICATE_ALL = "replicate_all"  # of every convolution; with zeros, matching losses learn the position


class ContentLoss(StrEnum):
    MEAN = "mean"  # mean((F − P)²)
    HALF_SUM = "half_sum"  # ½ Σ(F − P)²
    NORMALIZED = "normalised"  # mean((F − P)²) / var(P)
    SELF_SIMILARITY = "self_similarity"  # Kolkin et al. 2019
    QUERY = "query"  # no loss: the content counts where the picture is matched (Kolkin et al. 2022)


class StyleStatistic(StrEnum):
    GRAM = "gram"
    WASSERSTEIN = "wasserstein"


class GramScale(StrEnum):
    """What F Fᵀ is divided by."""

    NONE = "none"
    HW = "hw"
    CHW = "chw"


class StyleLoss(StrEnum):
    """How the difference of two statistics becomes a number; fitted Gaussians know MEAN and NORMALIZED."""

    MEAN = "mean"  # mean((G − A)²)
    SUM = "sum"  # Σ(G − A)²
    MEAN_PER_CHW = "mean_per_chw"  # mean((G − A)²) / (c·h·w)
    NORMALIZED = "normalised"  # Σ(G − A)² / ΣA²


class HypercolumnScale(StrEnum):
    """What the layers of a hypercolumn are divided by."""

    NONE = "none"
    CHANNELS = "channels"  # their number of channels (Kolkin et al. 2022)
    NORM = "norm"  # their mean norm on the style images
    DEVIATION = "deviation"  # all by the mean deviation of all channels of the style images


class TvLoss(StrEnum):
    """Total variation, on pixels in the units of the input convention."""

    L1 = "l1"  # Σ|d|
    L2 = "l2"  # Σd²
    MEAN_EIGHT = "mean_eight"  # 2[(mean dx² + mean dy²)/3 + (both diagonals)/12]


class Init(StrEnum):
    CONTENT = "content"
    STYLE = "style"
    GAUSSIAN = "gaussian"
    UNIFORM = "uniform"
    IMAGE = "image"
    STYLE_MEAN = "style_mean"  # with the finest detail of the content (Kolkin et al. 2019)


class Optimizer(StrEnum):
    LBFGS = "lbfgs"
    ADAM = "adam"
    RMSPROP = "rmsprop"


class Parameterization(StrEnum):
    """What the optimizer changes."""

    PIXELS = "pixels"
    LAPLACIAN = "laplacian"  # the bands of a Laplacian pyramid (Kolkin et al. 2019)


class LineSearch(StrEnum):
    NONE = "none"
    STRONG_WOLFE = "strong_wolfe"


class Clamp(StrEnum):
    END = "end"
    STEP = "step"


class SizeBy(StrEnum):
    LONGEST = "longest"
    HEIGHT = "height"


class PreserveColor(StrEnum):
    NONE = "none"
    LUMINANCE = "luminance"
    LINEAR = "linear"


class ColorMatch(StrEnum):
    """How the colors of the result are matched to those of the style, in OkLab."""

    NONE = "none"
    TRANSPORT = "transport"  # optimal transport between Gaussians
    CHROMA = "chroma"  # the content's chroma, with the covariance of the style's (Kolkin et al. 2022)


class Precision(StrEnum):
    AUTO = "auto"
    FLOAT32 = "float32"
    TF32 = "tf32"
    BFLOAT16 = "bfloat16"


class Memory(StrEnum):
    AUTO = "auto"
    NORMAL = "normal"
    LOW = "low"
