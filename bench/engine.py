"""How fast is the engine? `python -m bench.engine [--quick] [--json]`

overhead   time of one iteration over the floor: bare forward and backward pass through the same truncated network, in
           the same process, turn by turn. VGG-19 has random weights here: they cost the same.
objective  time each scheme takes, on `lite` with `default`'s loss, to the value that single-scale L-BFGS has after 300
           evaluations; a scheme that never gets there counts as its cap.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from bench.pictures import pairs
from bench.tables import machine
from nst_engine import Step, load_network, resolve, stylize
from nst_engine.config import StyleConfig
from nst_engine.images import to_tensor
from nst_engine.networks import Network, NetworkSpec, build_body

REFERENCE_EVALUATIONS = 300
SINGLE = {"scales": 1}
# Changes to `default` that give each scheme's optimiser and schedule, with `default`'s loss.
SCHEMES: dict[str, dict[str, object]] = {
    "single-scale L-BFGS": {**SINGLE, "steps": REFERENCE_EVALUATIONS},
    "single-scale Adam": {**SINGLE, "optimizer": "adam", "learning_rate": 0.02, "adam_beta2": 0.99, "steps": 900},
    "multiscale-w2's schedule": {
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
    "default": {},
}


@dataclass(frozen=True, kw_only=True)
class Overhead:
    """Medians of turns, in seconds, and their ratio."""

    model: str
    size: int
    floor: float
    iteration: float
    ratio: float


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Seconds until a scheme reached the objective, and as a share of single-scale L-BFGS's."""

    scheme: str
    size: int
    seconds: float
    reached: bool
    share: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes: under five minutes")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--only", choices=["overhead", "objective"])
    asked = parser.parse_args()
    found: dict[str, object] = {"machine": machine(), "threads": torch.get_num_threads()}
    if asked.only != "objective":
        sizes = (256, 512) if asked.quick else (256, 512, 1024)
        turns = 5 if asked.quick else 9
        found["overhead"] = [asdict(overhead(model, s, turns)) for model in ("vgg19", "lite") for s in sizes]
    if asked.only != "overhead":
        found["objective"] = [asdict(reach) for reach in objective(256 if asked.quick else 512)]
    print(json.dumps(found) if asked.json else json.dumps(found, indent=2))


def overhead(model: str, size: int, turns: int) -> Overhead:
    """Time the floor and the iteration turn by turn on a square picture."""
    config = resolve("default", {"model": model, "max_size": size, "scales": 1, "steps": turns + 3, "memory": "normal"})
    network = _network(config)
    image, style = torch.rand(3, size, size), torch.rand(3, size, size)
    steps = stylize(image, [style], config, network=network)
    for _ in range(3):
        next(steps)
    floors, iterations = [], []
    for _ in range(turns):
        floors.append(_timed(lambda: _bare_pass(network, image[None])))
        iterations.append(_timed(lambda: next(steps)))
    floor, iteration = statistics.median(floors), statistics.median(iterations)
    return Overhead(model=model, size=size, floor=floor, iteration=iteration, ratio=iteration / floor)


def objective(size: int) -> Iterator[Reach]:
    """Time every scheme to the reference's value."""
    (pair,) = pairs(None, None, count=1)
    content, style = to_tensor(pair.content), to_tensor(pair.style)
    network = load_network(resolve("default"))

    def steps(scheme: str) -> Iterator[Step]:
        config = resolve("default", {"max_size": size} | SCHEMES[scheme])
        return stylize(content, [style], config, network=network)

    started = time.perf_counter()
    *_, last = steps("single-scale L-BFGS")
    reference = time.perf_counter() - started
    for scheme in SCHEMES:
        seconds, reached = _until(steps(scheme), last.loss, cap=4 * reference)
        yield Reach(scheme=scheme, size=size, seconds=seconds, reached=reached, share=seconds / reference)


def _until(steps: Iterator[Step], loss: float, *, cap: float) -> tuple[float, bool]:
    """Return the seconds until the last scale's loss is down at `loss`, or the cap."""
    started = time.perf_counter()
    for step in steps:
        passed = time.perf_counter() - started
        if step.scale == step.scales and step.loss <= loss:
            return passed, True
        if passed > cap:
            break
    return cap, False


def _bare_pass(network: Network, image: Tensor) -> None:
    """Pass forward to the deepest layer and back from all layers read, with nothing computed on them."""
    x = network.normalise(image).contiguous(memory_format=network.memory_format).requires_grad_()
    features = list(network.body(x).values())
    torch.autograd.grad(features, x, [torch.ones_like(f) for f in features])


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _network(config: StyleConfig) -> Network:
    """Return the network, with random weights where real ones would have to be fetched."""
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
