"""Pretrained networks as functions from an image to features at named layers."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, symbolic_trace

from nst_engine.machine.bounded_cache import BoundedCache
from nst_engine.machine.precision import to_float32
from nst_engine.networks import weights
from nst_engine.networks.conventions import NORMALIZATIONS, fit_to_preset
from nst_engine.networks.lite import BUNDLED, Lite
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.enums import InputConvention, Model, Padding, Pooling, Precision
from nst_engine.spec.layers import NETWORKS, resolve_layers

TORCHVISION_NAMES = {"vgg16-edges": "vgg16"}  # of the networks whose name here is another
KEPT_TARGET_BYTES = 128 * 2**20  # those of three styles at four scales take 96 MB
NOISE_SIDE = 96  # pixels; every network can take this many


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """The parameters that decide which network is loaded: runs with equal specs can share one. Hashable."""

    model: Model
    layers: tuple[str, ...]
    pooling: Pooling = Pooling.MAX
    padding: Padding = Padding.ZEROS
    convention: InputConvention = InputConvention.TORCHVISION

    @classmethod
    def of(cls, config: StyleConfig) -> Self:
        """Return the spec of the network that `config` uses."""
        info = NETWORKS[config.model]
        wanted = resolve_layers(config.content_layers, info) | resolve_layers(config.all_style_layers, info)
        wanted |= config.columns
        return cls(
            model=config.model,
            layers=tuple(name for name in info.layers if name in wanted),
            pooling=config.pooling,
            padding=config.padding,
            convention=config.input_convention,
        )


class Network:
    """Features at named layers of an image.

    `body` maps normalized input (1, 3, H, W) to a mapping from layer name to features (1, C, h, w).
    """

    def __init__(
        self,
        body: nn.Module,
        *,
        convention: InputConvention = InputConvention.TORCHVISION,
        device: torch.device | str = "cpu",
    ) -> None:
        self.body = body
        self.kept_targets = BoundedCache[Any](KEPT_TARGET_BYTES)  # what losses made of the last styles
        self.device = torch.device(device)
        self.pixel_scale = 1.0 if convention is InputConvention.TORCHVISION else 255.0
        normalization = NORMALIZATIONS[convention]
        self._mean = torch.tensor(normalization.mean, device=self.device).view(1, 3, 1, 1)
        self._std = torch.tensor(normalization.std, device=self.device).view(1, 3, 1, 1)
        # The convolutions of oneDNN are a fifth faster this way. Tensor cores of CUDA devices compute in this format
        # too; what that saves was not measured.
        self.memory_format = torch.channels_last if self.device.type in ("cpu", "cuda") else torch.contiguous_format

    def normalize(self, image: Tensor) -> Tensor:
        """Turn RGB in [0, 1], (1, 3, H, W), into network input."""
        return (image - self._mean) / self._std

    def denormalize(self, x: Tensor) -> Tensor:
        """Turn network input, (1, 3, H, W), into RGB."""
        return x * self._std + self._mean

    def features(self, image: Tensor, precision: Precision = Precision.FLOAT32) -> Mapping[str, Tensor]:
        """Return the features of an image (1, 3, H, W) in [0, 1], in float32 for every precision."""
        return {name: to_float32(f) for name, f in self.forward(self.preprocess(image), precision).items()}

    def preprocess(self, image: Tensor) -> Tensor:
        """Return the network input of an image, in the memory format in which convolutions are fastest."""
        return self.normalize(image).contiguous(memory_format=self.memory_format)

    def forward(self, x: Tensor, precision: Precision = Precision.FLOAT32) -> Mapping[str, Tensor]:
        """Return the features of network input, in the dtype in which the convolutions compute."""
        half = precision is Precision.BFLOAT16
        found: Mapping[str, Tensor] = self.bfloat16_body(x.bfloat16()) if half else self.body(x)
        return found

    @cached_property
    def typical_power(self) -> Mapping[str, float]:
        """The mean square of each layer's features of noise, by which features of a plain picture count as tiny."""
        generator = torch.Generator().manual_seed(0)
        noise = torch.rand((1, 3, NOISE_SIDE, NOISE_SIDE), generator=generator)
        dtype = next(self.body.parameters(), self._mean).dtype
        with torch.no_grad():
            found = self.features(noise.to(self.device, dtype))
        return {name: max(f.square().mean().item(), torch.finfo(f.dtype).tiny) for name, f in found.items()}

    @cached_property
    def bfloat16_body(self) -> nn.Module:
        """The body with weights in bfloat16. They are rounded once; autocast would round them at every call."""
        return copy.deepcopy(self.body).eval().bfloat16()  # the copy of a graph is in training mode


def load_network(
    config: StyleConfig, *, device: torch.device | str = "cpu", weights_dir: str | Path | None = None
) -> Network:
    """Load the network that `config` uses, with its pretrained weights, on `device`.

    Raises WeightsError if the weights are missing or damaged, or if the file does not cover the layers.
    """
    spec = NetworkSpec.of(config)
    body = load_body(spec, Path(weights_dir) if weights_dir else None).to(device)
    return Network(body, convention=spec.convention, device=device)


def load_body(spec: NetworkSpec, weights_dir: Path | None) -> GraphModule:
    """Return the network up to the last layer of `spec`, with weights that fit the input convention of `spec`."""
    body = build_body(spec)
    detail = ""
    for path in weights.candidates(spec.model, weights_dir):
        state = weights.read(path, spec.model)
        lacking = _fill(body, state)
        if not lacking:
            fit_to_preset(body, weights.convention(path, spec.model), spec.convention)
            return body.eval().requires_grad_(False)
        if lacking == "shape" or unexpected_key(spec.model, state):
            raise weights.damaged(path, spec.model, "belongs to another network")
        detail = f" ({path.name} does not reach {spec.layers[-1]})"
    raise weights.missing(spec.model, detail)


def build_body(spec: NetworkSpec) -> GraphModule:
    """Return the network up to the last layer of `spec`, with parameters on the meta device."""
    model = _whole_network(spec.model).eval()
    _set_pooling(model, spec.pooling)
    _set_padding(model, spec.padding)
    nodes = {NETWORKS[spec.model].layers[layer]: layer for layer in spec.layers}
    body = _cut_lite(model, nodes) if spec.model in BUNDLED else _cut_torchvision(model, nodes)
    _relu_in_place_where_safe(body)
    return body


def parameters(model: str) -> dict[str, torch.Size]:
    """Return names and shapes of the parameters of a whole network without its classifier, shallow to deep."""
    state = _whole_network(model).state_dict()
    return {name: value.shape for name, value in state.items() if not _is_unused(name)}


def _whole_network(model: str) -> nn.Module:
    """Return a network as its authors built it, with parameters on the meta device."""
    with torch.device("meta"):
        return Lite(BUNDLED[model]) if model in BUNDLED else _torchvision_network(model)


def _torchvision_network(model: str) -> nn.Module:
    # Imported here, because torchvision loads torch's compiler, which takes longer than torch itself.
    from torchvision.models import get_model

    options = {"transform_input": False, "init_weights": False} if model == "inception_v3" else {}
    network: nn.Module = get_model(TORCHVISION_NAMES.get(model, model), weights=None, **options)
    return network


def _cut_torchvision(model: nn.Module, nodes: Mapping[str, str]) -> GraphModule:
    """Return a network of torchvision up to its last wanted node; `nodes` gives each the name of a layer."""
    from torchvision.models.feature_extraction import create_feature_extractor

    body: GraphModule = create_feature_extractor(model, dict(nodes), suppress_diff_warning=True)
    return body


def _cut_lite(model: nn.Module, nodes: Mapping[str, str]) -> GraphModule:
    """Do the same for a network that returns its features by name."""
    body = symbolic_trace(model)
    output = next(node for node in body.graph.nodes if node.op == "output")
    (features,) = output.args
    output.args = ({layer: features[node] for node, layer in nodes.items()},)
    body.graph.eliminate_dead_code()
    body.delete_all_unused_submodules()
    body.recompile()
    return body


def unexpected_key(model: str, names: Iterable[str]) -> str | None:
    """Return the first of a file's names that the network does not have, or None."""
    own = parameters(model)
    return next((name for name in names if name not in own and not _is_unused(name)), None)


def _is_unused(name: str) -> bool:
    return name.startswith(("classifier.", "fc.", "AuxLogits.")) or name.endswith("num_batches_tracked")


def _fill(body: GraphModule, state: Mapping[str, Tensor]) -> str:
    """Load `state` into `body`; return "", or what is wrong: "shape" or the name of the first missing parameter."""
    own = body.state_dict()
    for name, value in own.items():
        if name.endswith("num_batches_tracked"):
            continue
        if name not in state:
            return name
        if state[name].shape != value.shape:
            return "shape"
    counters = {name: torch.zeros((), dtype=torch.long) for name in own if name.endswith("num_batches_tracked")}
    body.load_state_dict({name: counters.get(name, state.get(name)) for name in own}, assign=True)
    return ""


class _L2Pool(nn.Module):
    """Root mean square pooling; the small constant keeps the gradient finite at 0."""

    def __init__(self, mean: nn.AvgPool2d) -> None:
        super().__init__()
        self.mean = mean

    def forward(self, x: Tensor) -> Tensor:
        pooled: Tensor = self.mean(x.square())
        return (pooled + 1e-8).sqrt()


def _set_pooling(model: nn.Module, pooling: Pooling) -> None:
    if pooling is Pooling.MAX:
        return
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.MaxPool2d):
                mean = nn.AvgPool2d(child.kernel_size, child.stride, child.padding, ceil_mode=child.ceil_mode)
                setattr(parent, name, _L2Pool(mean) if pooling is Pooling.L2 else mean)


def _set_padding(model: nn.Module, padding: Padding) -> None:
    """Pad the first convolution or all by repeating the border: zeros would show as a frame in the picture."""
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    padded = [convolution for convolution in convolutions if convolution.padding != (0, 0)]
    chosen = {Padding.ZEROS: [], Padding.REPLICATE: convolutions[:1], Padding.REPLICATE_ALL: padded}[padding]
    for convolution in chosen:
        convolution.padding_mode = "replicate"


def _relu_in_place_where_safe(body: GraphModule) -> None:
    """Let a ReLU overwrite its input only if nothing else reads it: a conv layer asked for must keep its values."""
    modules = dict(body.named_modules())
    for node in body.graph.nodes:
        module = modules.get(str(node.target)) if node.op == "call_module" else None
        if isinstance(module, nn.ReLU):
            (source,) = node.all_input_nodes
            behind = modules.get(str(source.target)) if source.op == "call_module" else None
            module.inplace = isinstance(behind, nn.Conv2d | nn.BatchNorm2d) and len(source.users) == 1
