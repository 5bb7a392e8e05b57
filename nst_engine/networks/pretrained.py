"""What torchvision publishes of each network, and how much of it is kept: the layers that any preset needs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from nst_engine.networks import weights
from nst_engine.networks.features import NetworkSpec, build_body, parameters, unexpected_key
from nst_engine.spec.config import Model
from nst_engine.spec.layers import NETWORKS, resolve_layers
from nst_engine.spec.presets import PRESETS

SOURCE = "https://download.pytorch.org/models"


@dataclass(frozen=True, kw_only=True)
class Release:
    """A network's published file: where it lies, and the first digits of its SHA-256."""

    model: str
    file: str
    sha256: str

    def url(self, source: str = SOURCE) -> str:
        """Return the file's address at PyTorch's server, or at a mirror with the same file names."""
        return f"{source.rstrip('/')}/{self.file}"

    @property
    def kept_file(self) -> str:
        """Return the name of what is kept of it."""
        return f"{self.model}-{self.sha256}.safetensors"


RELEASES = {
    model: Release(model=model, file=file, sha256=weights.expected_hash(Path(file)) or "")
    for model, file in weights.HUB_FILES.items()
}


def deepest_needed(model: str) -> str:
    """Return the deepest layer of a network that a preset or a role asks for."""
    info = NETWORKS[model]
    wanted = set(info.roles.values())
    for preset in PRESETS.values():
        wanted |= set(resolve_layers(preset.config.content_layers | preset.config.style_layers, info))
    return max(wanted, key=list(info.layers).index)


def keep(source: Path, target: Path, release: Release, *, all_layers: bool = False) -> str:
    """Write what is kept of a published file to `target`, under torchvision's names; return its deepest layer.

    Raises WeightsError where the file is not what its name says.
    """
    info = NETWORKS[release.model]
    last = list(info.layers)[-1] if all_layers else deepest_needed(release.model)
    state = weights.read(source, release.model)
    body = build_body(NetworkSpec(model=Model(release.model), layers=(last,))).state_dict()
    counters = [name for name in body if name.endswith("num_batches_tracked")]  # which old files lack
    for name in counters:
        del body[name]
    for name, value in body.items():
        if name not in state or state[name].shape != value.shape:
            raise weights.damaged(source, release.model, f"has no {name} {tuple(value.shape)}")
    kept = {name: state[name] for name in body}
    weights.write(target, kept, {"model": release.model, "source": release.file, "until": last})
    return last


def verify(path: Path, model: str) -> str:
    """Check hash, names and shapes of a weights file; return the deepest layer it suffices for. Raises WeightsError."""
    state, wanted = weights.read(path, model), parameters(model)
    for name, value in state.items():
        if name in wanted and value.shape != wanted[name]:
            raise weights.damaged(path, model, f"belongs to another network ({name} is {tuple(value.shape)})")
    found = reached(model, state)
    if found is None or unexpected_key(model, state):
        raise weights.damaged(path, model, "belongs to another network")
    return found


def reached(model: str, names: Collection[str]) -> str | None:
    """Return the deepest layer that the tensors of a file suffice for, or None where not even the first is there."""
    order, table = list(parameters(model)), NETWORKS[model].layers
    first_lacking = next((name for name in order if name not in names), None)
    if first_lacking is None:
        return list(table)[-1]
    found = None
    for layer, module in table.items():
        own = [name for name in order if name.startswith(f"{module}.")]
        if model == "lite" or (own and order.index(own[-1]) >= order.index(first_lacking)):
            break
        found = layer
    return found


def reaches(model: str, names: Collection[str], layer: str) -> bool:
    """Tell whether the tensors of a file suffice for a network up to `layer`."""
    found, order = reached(model, names), list(NETWORKS[model].layers)
    return found is not None and order.index(found) >= order.index(layer)
