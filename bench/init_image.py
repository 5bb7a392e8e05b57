"""Measure what it saves to start from a finished picture: `python -m bench.init_image`.

A picture of 512 px is painted with strength 0.5. Strength 0.7 is then painted twice: in a full run of `default`, and
from the finished picture at its full size only, until its loss is at most 1.02 of that of the full run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import torch

from bench.quality.pictures import example_pair
from nst_engine import Step, load_network, resolve, stylize
from nst_engine.tensors import to_tensor

BEFORE: dict[str, object] = {"strength": 0.5}
AFTER: dict[str, object] = {"strength": 0.7}
START: dict[str, object] = {"init": "image", "scales": 1, "steps": 60}  # as in docs/use/http-api.md
NEAR = 1.02  # of the loss of a full run


def init_image(size: int) -> dict[str, tuple[int, float, float]]:
    """Return for both ways the steps, the CPU seconds, and the loss as a multiple of that of the full run."""
    *_, (_, finished) = _steps(size, BEFORE)
    *_, (seconds, full) = _steps(size, AFTER)
    found = {"full run": (full.iteration, seconds, 1.0)}
    for seconds, step in _steps(size, AFTER | START, finished.image()):
        found["from the finished picture"] = (step.iteration, seconds, step.loss / full.loss)
        if step.loss <= NEAR * full.loss:
            break
    return found


def _steps(
    size: int, overrides: dict[str, object], init_image: torch.Tensor | None = None
) -> Iterator[tuple[float, Step]]:
    """Yield each step with the CPU seconds so far."""
    config = resolve("default", {"max_size": size, **overrides})
    network, pair = load_network(config), example_pair()
    content, style = to_tensor(pair.content), to_tensor(pair.style)
    started = time.process_time()
    for step in stylize(content, [style], config, network=network, init_image=init_image):
        yield time.process_time() - started, step


if __name__ == "__main__":
    print(json.dumps(init_image(512), indent=2))
