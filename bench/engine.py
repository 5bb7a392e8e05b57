"""Measure the speed of the engine: `python -m bench.engine [--quick] [--json]`.

overhead   Time of one iteration, divided by the time of a bare forward and backward pass through the same network in
           the same precision (the floor). Both are measured in turns in one process. VGG-19 has random weights, which
           take the same time.
objective  Time that each scheme takes, on `lite` with the loss of `default`, to the loss that single-scale L-BFGS in
           float32 has after 300 evaluations. The loss is computed from the picture in float32, which is not part of
           the time. A scheme that needs more than twice the time of single-scale L-BFGS is stopped there.
memory     Peak resident memory of `default` on `lite`, in a process of its own.
command    Time of the `nst` command; see bench/commands.py.
host       CPU time of a job outside of its iterations; see bench/host_work.py.
init       CPU time to go on from a finished picture; see bench/init_image.py.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

from bench.commands import command_times
from bench.host_work import host_work
from bench.init_image import init_image
from bench.quality.pictures import pairs
from bench.tables import machine
from nst_engine import Step, load_network, resolve, stylize
from nst_engine.machine.precision import has_bfloat16_instructions
from nst_engine.networks.features import Network, NetworkSpec, build_body
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.enums import Precision
from nst_engine.tensors import to_tensor

REFERENCE_EVALUATIONS = 300
CAP = 2  # schemes are stopped at this multiple of the time of single-scale L-BFGS
NEAR = 1.02  # multiple of the wanted loss from which on the exact loss is computed
SINGLE = {"scales": 1}
LBFGS, W2, DEFAULT = "single-scale L-BFGS", "multiscale-w2's schedule", "default"
PRECISIONS = (Precision.FLOAT32, Precision.BFLOAT16)
# Overrides of `default` in float32 that give the optimizer and the schedule of each scheme.
SCHEMES: dict[str, dict[str, object]] = {
    LBFGS: {**SINGLE, "lbfgs_coarse": 0.0, "steps": REFERENCE_EVALUATIONS},
    "single-scale Adam": {**SINGLE, "optimizer": "adam", "learning_rate": 0.02, "adam_beta2": 0.99, "steps": 900},
    W2: {
        "optimizer": "adam",
        "learning_rate": 0.02,
        "adam_beta2": 0.99,
        "clamp": "step",
        "average_decay": 0.99,
        "scales": 5,
        "scale_factor": 2**0.5,
        "min_size": 128,
        "scale_shares": "2,1",
        "steps": 3000,
    },
    "L-BFGS of default, single-scale": {**SINGLE, "steps": REFERENCE_EVALUATIONS, "precision": Precision.AUTO},
    "default in float32": {},
    DEFAULT: {"precision": Precision.AUTO},
}


@dataclass(frozen=True, kw_only=True)
class Overhead:
    """Median times in seconds, and their ratio."""

    model: str
    precision: str
    size: int
    floor: float
    iteration: float
    ratio: float


@dataclass(frozen=True, kw_only=True)
class TimeToObjective:
    """Seconds until a scheme reached the wanted loss, and their share of those of single-scale L-BFGS.

    `loss` is the lowest loss at full size as a multiple of the wanted one, or None if the scheme did not get to it.
    """

    scheme: str
    size: int
    seconds: float
    reached: bool
    share: float
    loss: float | None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes: under five minutes")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--only", choices=["overhead", "objective", "memory", "command", "host", "init"])
    arguments = parser.parse_args()
    found = measure(quick=arguments.quick, only=arguments.only)
    print(json.dumps(found) if arguments.json else json.dumps(found, indent=2))


def measure(*, quick: bool, only: str | None = None) -> dict[str, Any]:
    """Measure everything, or only one thing; `quick` leaves out large sizes."""
    found: dict[str, Any] = {"machine": machine(), "threads": torch.get_num_threads()}
    if only in (None, "overhead"):
        sizes = (256, 512) if quick else (256, 512, 1024)
        precisions = PRECISIONS if has_bfloat16_instructions() else PRECISIONS[:1]
        wanted = product(("vgg19", "lite"), precisions, sizes)
        found["overhead"] = [asdict(overhead(model, precision, size)) for model, precision, size in wanted]
    if only in (None, "objective"):
        found["objective"] = [asdict(time) for time in objective(256 if quick else 512)]
    if only in (None, "memory"):
        found["memory"] = [memory(size) for size in ((512,) if quick else (512, 1024, 2048))]
    if only in (None, "command"):
        found["command"] = [asdict(time) for time in command_times()]
    if only in (None, "host"):
        found["host"] = host_work()
    if only in (None, "init"):
        found["init"] = init_image(256 if quick else 512)
    return found


def overhead(model: str, precision: Precision, size: int) -> Overhead:
    """Time the floor and the iteration in turns on a square picture."""
    turns = 5 if size > 512 and model == "vgg19" else 11
    overrides = {"model": model, "precision": precision, "max_size": size, "scales": 1, "memory": "normal"}
    config = resolve("default", overrides | {"steps": turns + 12})
    network = network_for(config)
    image, style = torch.rand(3, size, size), torch.rand(3, size, size)
    steps = stylize(image, [style], config, network=network)
    for _ in range(3 if model == "vgg19" else 11):  # L-BFGS remembers ten pairs
        next(steps)
    floors, iterations = [], []
    for _ in range(turns):
        floors.append(_timed(lambda: _bare_pass(network, image[None], precision)))
        iterations.append(_timed(lambda: next(steps)))
    floor, iteration = statistics.median(floors), statistics.median(iterations)
    ratio = iteration / floor
    return Overhead(model=model, precision=precision, size=size, floor=floor, iteration=iteration, ratio=ratio)


def objective(size: int) -> Iterator[TimeToObjective]:
    """Time every scheme until it reaches the loss of the reference."""
    (pair,) = pairs(None, None, count=1)
    content, style = to_tensor(pair.content), to_tensor(pair.style)
    network = load_network(resolve("default"))

    def steps(scheme: str) -> Iterator[Step]:
        config = resolve("default", {"max_size": size, "precision": Precision.FLOAT32} | SCHEMES[scheme])
        return stylize(content, [style], config, network=network)

    def exact_loss(step: Step) -> float:
        overrides = {"max_size": size, "precision": Precision.FLOAT32, "init": "image", **SINGLE, "steps": 1}
        once = resolve("default", overrides)
        return next(stylize(content, [style], once, network=network, init_image=step.image())).loss

    first, *others = SCHEMES
    started = time.perf_counter()
    *_, last = steps(first)
    reference = time.perf_counter() - started
    wanted = exact_loss(last)
    yield TimeToObjective(scheme=first, size=size, seconds=reference, reached=True, share=1.0, loss=1.0)
    for scheme in others:
        seconds, loss = _until(steps(scheme), exact_loss, wanted, cap=CAP * reference)
        left = loss / wanted if math.isfinite(loss) else None
        reached, share = loss <= wanted, seconds / reference
        yield TimeToObjective(scheme=scheme, size=size, seconds=seconds, reached=reached, share=share, loss=left)


def memory(size: int) -> dict[str, Any]:
    """Return the peak memory of a run at this size."""
    arguments = ["-m", "bench.memory", "--size", str(size)]
    return dict(json.loads(subprocess.run([sys.executable, *arguments], check=True, capture_output=True).stdout))


def _until(
    steps: Iterator[Step], exact_loss: Callable[[Step], float], wanted: float, *, cap: float
) -> tuple[float, float]:
    """Return the seconds until the loss of a picture is at `wanted`, or the cap; and the lowest loss at full size."""
    passed, lowest = 0.0, math.inf
    started = time.perf_counter()
    for step in steps:
        passed += time.perf_counter() - started
        if passed > cap:
            break
        if step.scale == step.scales and step.loss <= max(NEAR * wanted, 0.99 * lowest):
            lowest = min(lowest, exact_loss(step))
        if lowest <= wanted:
            return passed, lowest
        started = time.perf_counter()
    return cap, lowest


def _bare_pass(network: Network, image: Tensor, precision: Precision) -> None:
    """Pass forward to the deepest layer and back from all layers, without computing losses."""
    x = network.preprocess(image).requires_grad_()
    features = list(network.forward(x, precision).values())
    torch.autograd.grad(features, x, [torch.ones_like(f) for f in features])


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def network_for(config: StyleConfig) -> Network:
    """Return the network, with random weights if the real ones would have to be downloaded."""
    if config.model == "lite":
        return load_network(config)
    body = build_body(NetworkSpec.of(config)).to_empty(device="cpu")
    generator = torch.Generator().manual_seed(0)
    for parameter in body.parameters():
        fan_in = parameter[0].numel() if parameter.ndim > 1 else 1
        parameter.data.normal_(0, (2 / fan_in) ** 0.5 if parameter.ndim > 1 else 0.0, generator=generator)
    return Network(body.eval().requires_grad_(False))


if __name__ == "__main__":
    main()
