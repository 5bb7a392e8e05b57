"""Whether a run fits into memory, and in which tiles it is computed."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor, nn

from nst_engine.machine.allocator import trim_heap
from nst_engine.networks.features import Network
from nst_engine.schedule import Scale, fitted, style_size
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.enums import Memory, Optimizer, SizeBy
from nst_engine.spec.errors import MemoryLimitError
from nst_engine.spec.layers import NETWORKS

GIB = 2**30
TILE_SIDES = (2048, 1536, 1024, 768, 512, 256)
TILE_BUDGET = 0.3 * GIB  # activations of one tile; larger tiles waste less on their overlap
WHOLE_BUDGET_CPU = 1.0 * GIB  # above it `auto` computes in tiles on the CPU, where several workers share the memory
BACKWARD = 1.6  # peak of forward and backward over the activations kept, measured by bench/memory.py
PROBE_SIDE = 128
SMALLEST = 16  # what max_size may be at least
STYLE_PIXEL = 24  # bytes of a style image that is kept while it is fitted to the scale

Size = tuple[int, int]  # height, width


@dataclass(frozen=True, kw_only=True)
class Need:
    """Bytes that a run takes per pixel of the picture: features kept for the gradient, and pixel-sized vectors.

    `forward` are those per pixel of a style image while its statistics are taken.
    """

    features: float
    forward: float
    vectors: float


@dataclass(frozen=True, kw_only=True)
class Tiling:
    """The side of the tiles in which one scale is computed, and its style images; None for the whole at once."""

    picture: int | None
    styles: int | None


def plan_tiles(
    config: StyleConfig, network: Network, scales: Sequence[Scale], styles: Sequence[Size] = ()
) -> tuple[Tiling, ...]:
    """Return for each scale the tiles to compute in; `styles` are the sizes of the style images as they are given.

    Raises MemoryLimitError, before work starts, where the last scale does not fit even in tiles.
    """
    need = measure(config, network)
    free = available(network.device)
    _refuse_too_large(config, need, scales[-1], styles, free)
    budget = 0.6 * free if network.device.type == "cuda" else min(0.6 * free, WHOLE_BUDGET_CPU)
    side = _tile_side(config, need)

    def tile(sizes: Sequence[Size], per_pixel: float) -> int | None:
        whole = per_pixel * _largest(sizes) <= budget and config.memory is not Memory.LOW
        fits = side >= max(max(size) for size in sizes)
        return None if whole or fits or config.memory is Memory.NORMAL else side

    return tuple(
        Tiling(
            picture=tile([(scale.height, scale.width)], need.features),
            styles=tile(_style_sizes(config, styles, scale) or [(0, 0)], need.forward),
        )
        for scale in scales
    )


def measure(config: StyleConfig, network: Network) -> Need:
    """Return what a run takes per pixel, by passing a small picture through the network."""
    vectors = 12 * (12 + (2 * config.lbfgs_history if config.optimizer is Optimizer.LBFGS else 2))
    kept = _features_per_pixel(network)
    # Without a gradient not all outputs are there at a time: 0.6 (vgg19) to 0.85 (lite) of them were.
    return Need(features=BACKWARD * kept, forward=kept, vectors=vectors)


def available(device: torch.device) -> int:
    """Return the bytes free on `device`, within what the control group allows."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    trim_heap()  # what the process keeps from an earlier run is free for this one
    free: int = psutil.virtual_memory().available
    limit = _control_group_room()
    return free if limit is None else min(free, limit)


def _refuse_too_large(config: StyleConfig, need: Need, scale: Scale, styles: Sequence[Size], free: int) -> None:
    wanted, room = _wanted(config, need, scale, styles), 0.9 * free
    if wanted <= room:
        return

    def wanted_at(side: int) -> float:
        height, width = fitted(scale.height, scale.width, side, config.size_by)
        return _wanted(config, need, Scale(height=height, width=width, steps=1), styles)

    sides = range(SMALLEST, scale.height if config.size_by is SizeBy.HEIGHT else max(scale.height, scale.width), 16)
    index = bisect_right(sides, room, key=wanted_at)
    fitting = sides[index - 1] if index else None
    advice = f"max_size={fitting} would fit" if fitting else "no size would fit"
    message = f"{scale.width} x {scale.height} px needs about {wanted / GIB:.1f} GiB, {free / GIB:.1f} GiB are free"
    raise MemoryLimitError(f"{message}: {advice}", would_fit=fitting)


def _wanted(config: StyleConfig, need: Need, scale: Scale, styles: Sequence[Size]) -> float:
    """Return the most bytes that a scale takes at a time: by the picture, or by a style image before that."""
    pixels, sizes = scale.height * scale.width, _style_sizes(config, styles, scale)
    tile = (_tile_side(config, need) + 2 * NETWORKS[config.model].receptive_field) ** 2
    at_once = math.inf if config.memory is Memory.NORMAL else tile
    features = max(need.features * min(pixels, at_once), need.forward * min(_largest(sizes), at_once))
    return features + need.vectors * pixels + STYLE_PIXEL * sum(height * width for height, width in sizes)


def _style_sizes(config: StyleConfig, styles: Sequence[Size], scale: Scale) -> list[Size]:
    return [style_size(config, style, scale) for style in styles]


def _largest(sizes: Sequence[Size]) -> int:
    return max((height * width for height, width in sizes), default=0)


def _tile_side(config: StyleConfig, need: Need) -> int:
    margin = NETWORKS[config.model].receptive_field
    fitting = (side for side in TILE_SIDES if need.features * (side + 2 * margin) ** 2 <= TILE_BUDGET)
    return next(fitting, TILE_SIDES[-1])


@torch.no_grad()
def _features_per_pixel(network: Network) -> float:
    """Return the bytes of all modules' outputs for one pixel, counting shared storage once."""
    kept: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            kept.append(output)

    leaves = [module for module in network.body.modules() if not list(module.children())]
    hooks = [module.register_forward_hook(keep) for module in leaves]
    try:
        network.features(torch.zeros(1, 3, PROBE_SIDE, PROBE_SIDE, device=network.device))
    finally:
        for hook in hooks:
            hook.remove()
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in kept}
    return sum(storages.values()) / PROBE_SIDE**2


def _control_group_room() -> int | None:
    """Return the bytes left under the control group's limit, or None where there is none."""
    root = Path("/sys/fs/cgroup")
    try:
        limit, used = (root / "memory.max").read_text().strip(), (root / "memory.current").read_text()
    except OSError:
        return None
    return None if limit == "max" else int(limit) - int(used)
