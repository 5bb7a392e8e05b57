"""The scales of a run: its sizes from coarse to fine, and the number of iterations at each; loads no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nst_engine.spec.basic_fields import MAX_SIZE
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.enums import SizeBy
from nst_engine.spec.errors import ConfigError, Problem
from nst_engine.spec.layers import NETWORKS


@dataclass(frozen=True, kw_only=True)
class Scale:
    """One size, in pixels, and its number of iterations."""

    height: int
    width: int
    steps: int


def fit_size(height: int, width: int, size: int, by: SizeBy) -> tuple[int, int]:
    """Return height and width scaled so that the side measured by `by` is `size`."""
    measured = height if by is SizeBy.HEIGHT else max(height, width)
    return max(1, round(height * size / measured)), max(1, round(width * size / measured))


def style_size(config: StyleConfig, style: tuple[int, int], scale: Scale) -> tuple[int, int]:
    """Return height and width of a style image at a scale, at least as large as the network needs."""
    factor = max(scale.height, scale.width) / max(style) * config.style_scale
    if not config.style_upscale:
        factor = min(factor, 1.0)
    factor = max(factor, NETWORKS[config.model].min_side / min(style))
    return round(style[0] * factor), round(style[1] * factor)


def schedule(config: StyleConfig, height: int, width: int) -> tuple[Scale, ...]:
    """Return the scales for a content image of this size, coarsest first. It is never enlarged.

    Raises ConfigError if the result would be too small for the network.
    """
    measured = height if config.size_by is SizeBy.HEIGHT else max(height, width)
    final = min(config.max_size, measured)
    smallest = NETWORKS[config.model].min_side
    sizes = [fit_size(height, width, final, config.size_by)]
    if min(sizes[0]) < smallest:
        raise _too_small(config, height, width, min(sizes[0]))
    for i in range(1, config.scales):
        size = round(final / config.scale_factor**i)
        below = fit_size(height, width, size, config.size_by)
        if size < config.min_size or min(below) < smallest:
            break
        sizes.insert(0, below)
    if config.final_pass:
        sizes.append(sizes[-1])
    steps = _shared(config.steps, _shares(config.scale_shares, len(sizes)))
    return tuple(Scale(height=h, width=w, steps=n) for (h, w), n in zip(sizes, steps, strict=True) if n)


def pixels_left(scales: Iterable[Scale], iteration: int) -> int:
    """Return the work after an iteration, which counts over all scales: the sum of height x width x steps."""
    left = 0
    for scale in scales:
        done = min(scale.steps, iteration)
        iteration -= done
        left += scale.height * scale.width * (scale.steps - done)
    return left


def _too_small(config: StyleConfig, height: int, width: int, side: int) -> ConfigError:
    """Say which size would work, if there is one."""
    smallest = NETWORKS[config.model].min_side
    measured = height if config.size_by is SizeBy.HEIGHT else max(height, width)
    by = config.size_by
    sizes = range(config.max_size, min(measured, MAX_SIZE) + 1)
    size = next((size for size in sizes if min(fit_size(height, width, size, by)) >= smallest), None)
    message = f"{config.model} needs at least {smallest} px on the short side, the result would have {side}; "
    if size is not None:
        return ConfigError.of(
            Problem(field="max_size", message=f"{message}the smallest max_size for this photo is {size}")
        )
    message += f"no max_size helps, because the photo has {width} x {height} px"
    if min(height, width) < smallest:
        message += f"; the smallest photo that works has {smallest} x {smallest}"
    return ConfigError.of(Problem(field="content", message=message))


def _shares(shares: tuple[float, ...], count: int) -> list[float]:
    """Return one share per scale: the last one repeats; with fewer scales than shares, the coarsest are left out."""
    padded = [*shares, *[shares[-1]] * (count - len(shares))]
    return padded[-count:] if len(shares) > count else padded


def _shared(steps: int, shares: list[float]) -> list[int]:
    """Split `steps` by the shares; the last part gets what rounding leaves."""
    total = sum(shares)
    parts = [int(steps * share / total) for share in shares[:-1]]
    return [*parts, steps - sum(parts)]
