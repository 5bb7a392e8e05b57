"""Whether a run fits into memory, and in which tiles it is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor, nn

from nst_engine.config import Memory, Optimizer, StyleConfig
from nst_engine.errors import MemoryLimitError
from nst_engine.layers import NETWORKS
from nst_engine.networks import Network
from nst_engine.process import give_memory_back
from nst_engine.schedule import Scale

GIB = 2**30
TILE_SIDES = (2048, 1536, 1024, 768, 512, 256)
TILE_BUDGET = 0.3 * GIB  # activations of one tile; larger tiles waste less on their overlap
WHOLE_BUDGET_CPU = 1.0 * GIB  # above it `auto` computes in tiles on the CPU, where several workers share the memory
BACKWARD = 1.6  # peak of forward and backward over the activations kept, measured by bench/memory.py
PROBE_SIDE = 128
SMALLEST = 16  # what max_size may be at least


@dataclass(frozen=True, kw_only=True)
class Need:
    """Bytes that a run takes per pixel of the picture: features kept for the gradient, and pixel-sized vectors."""

    features: float
    vectors: float


def plan_tiles(config: StyleConfig, network: Network, scales: Sequence[Scale]) -> tuple[int | None, ...]:
    """Return for each scale the side of the tiles to compute in, or None for the whole picture at once.

    Raises MemoryLimitError, before work starts, where the last scale does not fit even in tiles.
    """
    need = measure(config, network)
    free = available(network.device)
    _refuse_too_large(config, need, scales[-1], free)
    budget = 0.6 * free if network.device.type == "cuda" else min(0.6 * free, WHOLE_BUDGET_CPU)
    found = []
    for scale in scales:
        whole = need.features * scale.height * scale.width <= budget and config.memory is not Memory.LOW
        tile = None if whole or config.memory is Memory.NORMAL else _tile_side(config, need)
        found.append(None if tile is None or tile >= max(scale.height, scale.width) else tile)
    return tuple(found)


def measure(config: StyleConfig, network: Network) -> Need:
    """Return what a run takes per pixel, by passing a small picture through the network."""
    vectors = 12 * (12 + (2 * config.lbfgs_history if config.optimizer is Optimizer.LBFGS else 2))
    return Need(features=BACKWARD * _features_per_pixel(network), vectors=vectors)


def available(device: torch.device) -> int:
    """Return the bytes free on `device`, within what the control group allows."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    give_memory_back()  # what the process keeps from an earlier run is free for this one
    free: int = psutil.virtual_memory().available
    limit = _control_group_room()
    return free if limit is None else min(free, limit)


def _refuse_too_large(config: StyleConfig, need: Need, scale: Scale, free: int) -> None:
    pixels = scale.height * scale.width
    tile = _tile_side(config, need) if config.memory is not Memory.NORMAL else None
    at_once = pixels if tile is None else min(pixels, (tile + 2 * NETWORKS[config.model].reach) ** 2)
    wanted = need.features * at_once + need.vectors * pixels
    if wanted <= 0.9 * free:
        return
    room = 0.9 * free - (need.features * at_once if tile is not None else 0)
    per_pixel = need.vectors + (0 if tile is not None else need.features)
    side = int(max(scale.height, scale.width) * max(room / per_pixel / pixels, 0) ** 0.5) // 16 * 16
    fitting = side if side >= SMALLEST else None
    advice = f"max_size={side} would fit" if fitting else "no size would fit"
    message = f"{scale.width} x {scale.height} px needs about {wanted / GIB:.1f} GiB, {free / GIB:.1f} GiB are free"
    raise MemoryLimitError(f"{message}: {advice}", would_fit=fitting)


def _tile_side(config: StyleConfig, need: Need) -> int:
    reach = NETWORKS[config.model].reach
    fitting = (side for side in TILE_SIDES if need.features * (side + 2 * reach) ** 2 <= TILE_BUDGET)
    return next(fitting, TILE_SIDES[-1])


@torch.no_grad()
def _features_per_pixel(network: Network) -> float:
    """Return the bytes of all modules' outputs for one pixel, counting shared storage once."""
    if not isinstance(network.body, nn.Module):
        return 0.0
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
