"""Finding a network's weights on disk and reading them, never as a pickle."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from nst_engine.errors import WeightsError

# Names of torchvision's own downloads in torch hub's cache.
HUB_FILES = {
    "vgg19": "vgg19-dcbb9e9d.pth",
    "vgg16": "vgg16-397923af.pth",
    "squeezenet1_1": "squeezenet1_1-b8a52dc0.pth",
    "resnet50": "resnet50-0676ba61.pth",
    "inception_v3": "inception_v3_google-0cc3c7bd.pth",
}


def candidates(model: str, weights_dir: Path | None) -> Iterator[Path]:
    """Yield the existing files that may hold `model`, best first: the folder asked for, then torch hub's cache."""
    if model == "lite":
        yield Path(str(resources.files("nst_engine") / "weights" / "lite.safetensors"))
        return
    if weights_dir is not None:
        yield from sorted(weights_dir.glob(f"{model}.safetensors"))
        yield from sorted(weights_dir.glob(f"{model}_*.safetensors"))
        yield from sorted(weights_dir.glob(HUB_FILES[model]))
    yield from sorted(Path(torch.hub.get_dir(), "checkpoints").glob(HUB_FILES[model]))


def read(path: Path, model: str) -> dict[str, Tensor]:
    """Return the tensors in `path` as float32; raises WeightsError naming the file where it is damaged."""
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError) as error:
        raise damaged(path, model, f"cannot be read ({type(error).__name__})") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise damaged(path, model, "holds something else than a network's weights")
    return {name: value.float() if value.is_floating_point() else value for name, value in state.items()}


def damaged(path: Path, model: str, what: str) -> WeightsError:
    """Return the error for a weights file that must not be used."""
    return WeightsError(f"the weights file {path.name} of {model} {what}", model=model, command=pull_command(model))


def missing(model: str, detail: str = "") -> WeightsError:
    """Return the error for a network whose weights are not on this machine."""
    message = f"the weights of {model} are not on this machine{detail}: get them with `{pull_command(model)}`"
    return WeightsError(message, model=model, command=pull_command(model))


def pull_command(model: str) -> str:
    """Return the command that fetches the weights of `model`."""
    return f"nst weights pull {model}"
