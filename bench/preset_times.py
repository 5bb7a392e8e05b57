"""Time each preset: `python -m bench.preset_times [--size 512] [--models lite,vgg16] [--json]`.

A few iterations are timed at each size of a preset's schedule, and their median is multiplied by the number of
iterations there. What comes before the first iteration of a size is counted once. The sum is the time of a picture, at
the preset's own length. The slowest would take an hour otherwise. VGG-16 has random weights, which take the same time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from bench.engine import network_for
from bench.quality.pictures import Pair, pairs
from nst_engine import Network, resolve, stylize
from nst_engine.spec.enums import SizeBy
from nst_engine.spec.presets import PRESETS
from nst_engine.spec.schedule import Scale, schedule
from nst_engine.tensors import to_tensor

TIMED = 3  # iterations at each size, after the first


@dataclass(frozen=True, kw_only=True)
class PresetTime:
    """Seconds of a picture, and the number of its iterations."""

    preset: str
    model: str
    steps: int
    seconds: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=512, help="longest side of the picture, in pixels")
    parser.add_argument("--models", default="lite,vgg16", help="networks, separated by commas")
    parser.add_argument("--presets", default=",".join(PRESETS), help="presets, separated by commas")
    parser.add_argument("--json", action="store_true", help="one JSON list")
    asked = parser.parse_args()
    found = measure(asked.size, asked.presets.split(","), asked.models.split(","))
    print(json.dumps(found) if asked.json else json.dumps(found, indent=2))


def measure(
    size: int, presets: Sequence[str] = tuple(PRESETS), models: Sequence[str] = ("lite", "vgg16")
) -> list[dict[str, Any]]:
    """Time the presets on each network, at a longest side of `size` pixels."""
    (pair,) = pairs(None, None, count=1)
    found = []
    for preset in presets:
        for model in models:
            print(f"{preset} on {model} …", file=sys.stderr)
            found.append(asdict(preset_time(preset, model, size, pair)))
    return found


def preset_time(preset: str, model: str, size: int, pair: Pair) -> PresetTime:
    """Return the time of a picture with this longest side."""
    config = resolve(preset, {"model": model, "max_size": size, "size_by": SizeBy.LONGEST})
    network = network_for(config)
    content, style = to_tensor(pair.content), to_tensor(pair.style)
    scales = schedule(config, *content.shape[-2:])
    seconds = 0.0
    for height, width in dict.fromkeys((scale.height, scale.width) for scale in scales):
        passes = [scale for scale in scales if (scale.height, scale.width) == (height, width)]
        seconds += _at_size(preset, model, passes, network, content, style)
    return PresetTime(preset=preset, model=model, steps=sum(scale.steps for scale in scales), seconds=seconds)


def _at_size(
    preset: str, model: str, passes: Sequence[Scale], network: Network, content: Tensor, style: Tensor
) -> float:
    """Return the seconds of the iterations at one size, of which there may be two passes with different losses."""
    overrides = {
        "model": model,
        "max_size": max(passes[0].height, passes[0].width),
        "size_by": SizeBy.LONGEST,
        "scales": 1,
        "scale_shares": "1",
        "final_pass": len(passes) > 1,
        "steps": len(passes) * (TIMED + 1),
    }
    times: dict[int, list[float]] = {}
    before = time.perf_counter()
    for step in stylize(content, [style], resolve(preset, overrides), network=network):
        now = time.perf_counter()
        times.setdefault(step.scale, []).append(now - before)
        before = now
    seconds = 0.0
    for scale, (first, *others) in zip(passes, times.values(), strict=True):
        one = statistics.median(others)
        seconds += scale.steps * one + max(first - one, 0.0)
    return seconds


if __name__ == "__main__":
    main()
