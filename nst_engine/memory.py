"""Memory planning: whether a run fits, and in which tiles it is computed."""

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

from nst_engine.losses.sampled.losses import has_sampled_losses, sampled_layers
from nst_engine.machine.allocator import trim_heap
from nst_engine.networks.features import Network
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.enums import Memory, Optimizer, Padding, SizeBy
from nst_engine.spec.errors import MemoryLimitError
from nst_engine.spec.layers import NETWORKS
from nst_engine.spec.schedule import Scale, fit_size, style_size

GIB = 2**30
TILE_SIDES = (2048, 1536, 1024, 768, 512, 256)
TILE_BUDGET = 0.3 * GIB  # activations of one tile, on CUDA at least; larger tiles waste less on their overlap
WHOLE_BUDGET_CPU = 1.0 * GIB  # above it `auto` computes in tiles on the CPU, where several workers share the memory
BACKWARD = 1.6  # peak of forward and backward pass over the activations kept, measured by bench/memory.py
FIT_SHARE = 0.9  # of the free memory that a run may take
BUDGET_SHARE = 0.6  # of the free memory that may go into computing the whole at once
PROBE_SIDE = 128
SMALLEST = 16  # the least value of max_size
HOST_PIXEL = 12 * 6  # bytes on the host for a pixel computed on a GPU: inputs, result, encoding, a vector of a state
STYLE_PIXEL = 24  # bytes for a pixel of a style image while it is resized for the scale

Size = tuple[int, int]  # height, width


@dataclass(frozen=True, kw_only=True)
class BytesPerPixel:
    """Bytes that a run needs for each pixel of an image.

    features: kept for the gradient. forward: for a style image while its statistics are computed.
    vectors: image-sized vectors, most of them the optimizer's.
    """

    features: float
    forward: float
    vectors: float


@dataclass(frozen=True, kw_only=True)
class Tiling:
    """The side of the tiles in which one scale and its style images are computed; None is the whole at once."""

    image: int | None
    styles: int | None


def plan_tiles(
    config: StyleConfig, network: Network, scales: Sequence[Scale], styles: Sequence[Size] = ()
) -> tuple[Tiling, ...]:
    """Return the tiles for each scale; `styles` are the sizes of the style images as given.

    Raises MemoryLimitError, before work starts, if the last scale does not fit even in tiles.
    """
    needed = measure_bytes_per_pixel(config, network)
    on_gpu = network.device.type == "cuda"
    peak = _peak_bytes(config, needed, scales[-1], styles)
    free = available_memory(network.device, enough=max(peak / FIT_SHARE, WHOLE_BUDGET_CPU / BUDGET_SHARE))
    _check_fits(config, needed, scales[-1], styles, free)
    if on_gpu:
        _check_host(scales[-1])
    budget = BUDGET_SHARE * free if on_gpu else min(BUDGET_SHARE * free, WHOLE_BUDGET_CPU)

    def tile(sizes: Sequence[Size], per_pixel: float, scale: Scale) -> int | None:
        left = budget - needed.vectors * scale.height * scale.width
        side = _tile_side(config, needed, _tile_budget(config, left) if on_gpu else TILE_BUDGET)
        whole = per_pixel * _largest(sizes) <= budget and config.memory is not Memory.LOW
        fits = side >= max(max(size) for size in sizes)
        return None if whole or fits or config.memory is Memory.NORMAL else side

    return tuple(
        Tiling(
            image=tile([(scale.height, scale.width)], needed.features, scale),
            styles=tile(_style_sizes(config, styles, scale) or [(0, 0)], needed.forward, scale),
        )
        for scale in scales
    )


def measure_bytes_per_pixel(config: StyleConfig, network: Network) -> BytesPerPixel:
    """Measure what a run needs by passing a small image through the network."""
    vectors = 12.0 * (12 + (2 * config.lbfgs_history if config.optimizer is Optimizer.LBFGS else 2))
    kept = _activations_per_pixel(network)
    if config.padding is Padding.REPLICATE_ALL:  # the gradient needs the padded copy of each input
        kept *= 2
    vectors += _sampled_bytes_per_pixel(config, network)
    # Without a gradient not all outputs exist at the same time: 0.6 (vgg19) to 0.85 (lite) of them did.
    return BytesPerPixel(features=BACKWARD * kept, forward=kept, vectors=vectors)


@torch.no_grad()
def _sampled_bytes_per_pixel(config: StyleConfig, network: Network) -> float:
    """Return what losses on samples keep of the whole picture, the content and a style, even with tiles."""
    if not has_sampled_losses(config):
        return 0.0
    layers = network.features(torch.zeros(1, 3, PROBE_SIDE, PROBE_SIDE, device=network.device))
    kept = [layers[name] for name in sampled_layers(config)]
    whole = sum(f.numel() for f in kept) / PROBE_SIDE**2  # numbers
    matched = 0.0
    if config.matching_weight:
        matched = sum(f.shape[1] for f in kept) / config.matching_stride**2
    # Each layer of picture, gradient, content and style; each hypercolumn, its target, direction and gradient.
    views = 4 if config.style_turns else 1
    return 4 * (whole * (3 + views) + matched * (4 + views))


def available_memory(device: torch.device, *, enough: float = math.inf) -> int:
    """Return the bytes free on `device`, within the limit of the control group.

    Memory that the process keeps from an earlier run counts as free. On the host it is given back for that, unless
    `enough` bytes are free without it: the run would take the same pages again, one page fault each.
    """
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + kept
    if (free := _free_on_host()) < enough:
        trim_heap()
        free = _free_on_host()
    return free


def _free_on_host() -> int:
    free: int = psutil.virtual_memory().available
    limit = _control_group_memory()
    return free if limit is None else min(free, limit)


def _check_fits(config: StyleConfig, needed: BytesPerPixel, scale: Scale, styles: Sequence[Size], free: int) -> None:
    peak, limit = _peak_bytes(config, needed, scale, styles), FIT_SHARE * free
    if peak <= limit:
        return

    def peak_at(side: int) -> float:
        height, width = fit_size(scale.height, scale.width, side, config.size_by)
        return _peak_bytes(config, needed, Scale(height=height, width=width, steps=1), styles)

    sides = range(SMALLEST, scale.height if config.size_by is SizeBy.HEIGHT else max(scale.height, scale.width), 16)
    index = bisect_right(sides, limit, key=peak_at)
    fitting = sides[index - 1] if index else None
    advice = f"max_size={fitting} would fit" if fitting else "no size would fit"
    message = f"{scale.width} x {scale.height} px needs about {peak / GIB:.1f} GiB, {free / GIB:.1f} GiB are free"
    raise MemoryLimitError(f"{message}: {advice}", would_fit=fitting)


def _check_host(scale: Scale) -> None:
    """Raise MemoryLimitError if the host cannot hold what a run on a GPU needs there."""
    pixels = scale.height * scale.width
    free = available_memory(torch.device("cpu"), enough=HOST_PIXEL * pixels / FIT_SHARE)
    if HOST_PIXEL * pixels <= FIT_SHARE * free:
        return
    side = int(max(scale.height, scale.width) * (FIT_SHARE * free / (HOST_PIXEL * pixels)) ** 0.5)
    message = (
        f"{scale.width} x {scale.height} px needs about {HOST_PIXEL * pixels / GIB:.1f} GiB of the host's memory, "
        f"{free / GIB:.1f} GiB are free: max_size={side} would fit"
    )
    raise MemoryLimitError(message, would_fit=side)


def _tile_budget(config: StyleConfig, left: float) -> float:
    """Return the bytes for the activations of one tile on a GPU; `low` comes after a run that did not fit."""
    return max(TILE_BUDGET, left / 4 if config.memory is Memory.LOW else left)


def _peak_bytes(config: StyleConfig, needed: BytesPerPixel, scale: Scale, styles: Sequence[Size]) -> float:
    """Return the peak at one scale: during an iteration, or before that while a style image is read."""
    pixels, sizes = scale.height * scale.width, _style_sizes(config, styles, scale)
    tile = (_tile_side(config, needed, TILE_BUDGET) + 2 * NETWORKS[config.model].receptive_field) ** 2
    at_once = math.inf if config.memory is Memory.NORMAL else tile
    features = max(needed.features * min(pixels, at_once), needed.forward * min(_largest(sizes), at_once))
    return features + needed.vectors * pixels + STYLE_PIXEL * sum(height * width for height, width in sizes)


def _style_sizes(config: StyleConfig, styles: Sequence[Size], scale: Scale) -> list[Size]:
    return [style_size(config, style, scale) for style in styles]


def _largest(sizes: Sequence[Size]) -> int:
    return max((height * width for height, width in sizes), default=0)


def _tile_side(config: StyleConfig, needed: BytesPerPixel, budget: float) -> int:
    margin = NETWORKS[config.model].receptive_field
    fitting = (side for side in TILE_SIDES if needed.features * (side + 2 * margin) ** 2 <= budget)
    return next(fitting, TILE_SIDES[-1])


@torch.no_grad()
def _activations_per_pixel(network: Network) -> float:
    """Return the bytes of the outputs of all modules for one pixel, counting shared storage once."""
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


def _control_group_memory() -> int | None:
    """Return the bytes left below the limit of the control group, or None if it has no limit."""
    root = Path("/sys/fs/cgroup")
    try:
        limit, used = (root / "memory.max").read_text().strip(), (root / "memory.current").read_text()
    except OSError:
        return None
    return None if limit == "max" else int(limit) - int(used)
