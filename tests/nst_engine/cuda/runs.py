"""Short runs of the engine on the emulated device and on the CPU."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from nst_engine import State, stylize
from nst_engine.networks.features import Network, NetworkSpec, build_body, load_body
from nst_engine.networks.lite import BUNDLED
from nst_engine.spec.config import StyleConfig
from tests.nst_engine.cuda.emulator import EmulatedCuda
from tests.nst_engine.tiny import photo, picture, seeded

SMALL = "lite-small"  # another network needs nothing else of a device, and this one is the quickest
SHORT = {"model": SMALL, "steps": 3, "max_size": 48, "scales": 1, "precision": "float32"}
SHALLOW = {"style_layers": "style1:1,style2:1", "content_layers": "style2:1"}


@dataclass(frozen=True)
class Found:
    """What a run made, and what its last iteration cost on the emulated device."""

    image: Tensor
    losses: list[float]
    state: bytes
    kernels: int
    waits: Counter[str]
    copies: Counter[str]
    previews: list[Callable[[], Image.Image]]  # of each iteration, if asked for


def run(
    parameters: Mapping[str, Any],
    *,
    cuda: EmulatedCuda | None = None,
    styles: int = 1,
    masks: bool = False,
    size: tuple[int, int] = (40, 48),
    resume: bytes | None = None,
    stop_after: int | None = None,
    cuda_graphs: bool = False,
    previews: bool = False,
) -> Found:
    """Run to the end, or until an iteration; `cuda` is the device, the CPU without it.

    previews: take one after each iteration; the next iteration counts what it costs.
    """
    config = StyleConfig.checked({**SHORT, **parameters})
    device = "cpu" if cuda is None else "cuda"
    inputs = {
        "masks": [(picture(60, 70, 9 + i)[0] > 0.5).float() for i in range(styles)] if masks else None,
        "init_image": photo(50, 50, 5) if config.init == "image" else None,
        "resume": None if resume is None else State.from_bytes(resume),
        "cuda_graphs": cuda_graphs,
    }
    network = Network(_body(NetworkSpec.of(config), device), convention=config.input_convention, device=device)
    recorded = cuda or EmulatedCuda()
    losses, begun = [], []
    for step in stylize(photo(*size), [photo(60, 70, 2 + i) for i in range(styles)], config, network=network, **inputs):
        losses.append(step.loss)
        last, kernels = step, sum(recorded.kernels.values())
        waits, copies = Counter(recorded.waits), Counter(recorded.copies)
        recorded.clear()
        if previews:
            begun.append(step.begin_picture())
        if step.iteration == stop_after:
            break
    return Found(last.image(), losses, last.state().to_bytes(), kernels, waits, copies, begun)


@lru_cache(maxsize=8)
def _body(spec: NetworkSpec, device: str) -> torch.nn.Module:
    """Return the body of a network, with random weights where the real ones would have to be downloaded."""
    if device != "cpu":
        return copy.deepcopy(_body(spec, "cpu")).eval().to(device)  # copies of a graph are in training mode
    return load_body(spec, None) if spec.model in BUNDLED else seeded(build_body(spec).to_empty(device="cpu"))
