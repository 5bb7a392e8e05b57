"""Check and time the engine on a GPU in nine minutes: `make gpu-bench`, or `python -m bench.gpu [--out FILE]`.

speed      Iterations per second of `default` on random pictures, with and without CUDA graphs, the peak of the device's
           memory, and how far the first loss and the last of a run of 13 iterations are from those in float32 on the
           CPU, up to 512 px. VGG-19 has random weights.
processes  Jobs per minute of 1, 2, 4 and 8 processes that share the device: `default` on `lite` at 512 px.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import time
import warnings
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from itertools import islice, product
from pathlib import Path

import torch

from bench.engine import network_for
from bench.tables import machine, markdown
from nst_engine import Step, resolve, stylize

SIZES = (256, 512, 1024, 2048)
PROCESSES = (1, 2, 4, 8)
WARM_UP = 12  # iterations: L-BFGS remembers ten pairs
SECONDS = 2.0  # that one speed is measured
START_SECONDS = 120.0  # in which all processes have to be ready
AGREEMENT_SIDE = 512  # pixels: the CPU computes no larger picture to compare with
STEPS = 20_000  # more than any measurement takes
GIB = 2**30

Losses = tuple[float, float]  # of the first and the last step of a short run


@dataclass(frozen=True, kw_only=True)
class Speed:
    """One row of the table; the losses are relative differences from those of the CPU."""

    model: str
    size: int
    precision: str
    graphs: str
    per_second: float
    gib: float
    first_loss: float
    last_loss: float


def main() -> None:
    """Measure, print and write the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--minutes", type=float, default=8.5, help="no measurement begins later")
    parser.add_argument("--tiny", action="store_true", help="try the benchmark itself, in seconds")
    parser.add_argument("--out", type=Path, default=Path("out/gpu-bench.md"))
    asked = parser.parse_args()
    end = time.monotonic() + 60 * asked.minutes
    name = torch.cuda.get_device_name(asked.device) if asked.device.startswith("cuda") else machine()
    lines = [f"# Speed on {name}", f"torch {torch.__version__}, CUDA {torch.version.cuda}"]
    speeds = [[_cell(value) for value in astuple(speed)] for speed in _speeds(asked.device, tiny=asked.tiny, end=end)]
    lines.append(
        markdown(["network", "px", "precision", "graphs", "iterations/s", "GiB", "first loss", "last loss"], speeds)
    )
    rates = [[_cell(value) for value in row] for row in _processes(asked.device, tiny=asked.tiny, end=end)]
    lines.append(markdown(["processes", "jobs/min"], rates))
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text("\n\n".join(lines) + "\n")
    print(asked.out.read_text())


def _speeds(device: str, *, tiny: bool, end: float) -> Iterator[Speed]:
    on_gpu = device.startswith("cuda")
    models, sizes = (("lite",), (48,)) if tiny else (("lite", "vgg19"), SIZES)
    precisions = ("float32", "tf32", "bfloat16") if on_gpu else ("float32", "bfloat16")
    for model, size in product(models, sizes):
        reference = _cpu_losses(model, size) if size <= AGREEMENT_SIDE else (math.nan, math.nan)
        for precision, graphs in product(precisions, (False, True) if on_gpu else (False,)):
            if time.monotonic() < end - 60 * (not tiny):  # a minute is left to the processes
                yield _speed(model, size, precision, device, graphs=graphs, reference=reference)


def _steps(model: str, size: int, precision: str, device: str, *, graphs: bool = False, steps: int) -> Iterator[Step]:
    config = resolve("default", {"model": model, "max_size": size, "scales": 1, "steps": steps, "precision": precision})
    network = network_for(config)
    if device != "cpu":
        network = type(network)(network.body.to(device), device=device)
    generator = torch.Generator().manual_seed(0)
    content, style = torch.rand(2, 3, size, size, generator=generator)
    return stylize(content, [style], config, network=network, cuda_graphs=graphs)


def _cpu_losses(model: str, size: int) -> Losses:
    return _first_and_last_loss(_steps(model, size, "float32", "cpu", steps=STEPS))


def _first_and_last_loss(steps: Iterator[Step]) -> Losses:
    """Take a short run of 1 + WARM_UP steps."""
    first, *_, last = (step.loss for step in islice(steps, 1 + WARM_UP))
    return first, last


def _speed(model: str, size: int, precision: str, device: str, *, graphs: bool, reference: Losses) -> Speed:
    on_gpu = device.startswith("cuda")
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        steps = _steps(model, size, precision, device, graphs=graphs, steps=STEPS)
        first, last = _first_and_last_loss(steps)
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < SECONDS:
        next(steps)  # an iteration ends with a wait for the device
        count += 1
    per_second = count / (time.perf_counter() - started)
    gib = torch.cuda.max_memory_allocated() / GIB if on_gpu else math.nan
    how = ("refused" if warned else "yes") if graphs else "no"
    return Speed(
        model=model,
        size=size,
        precision=precision,
        graphs=how,
        per_second=per_second,
        gib=gib,
        first_loss=first / reference[0] - 1,
        last_loss=last / reference[1] - 1,
    )


def _processes(device: str, *, tiny: bool, end: float) -> Iterator[tuple[int, float]]:
    """Let processes run the same jobs at once; the first job of each is not counted."""
    context, size, jobs = multiprocessing.get_context("spawn"), 48 if tiny else 512, 1 if tiny else 3
    for count in (2,) if tiny else PROCESSES:
        if time.monotonic() > end:
            return
        ready = context.Barrier(count + 1)
        children = [context.Process(target=_run_jobs, args=(device, size, jobs, ready)) for _ in range(count)]
        for child in children:
            child.start()
        ready.wait(START_SECONDS)
        started = time.perf_counter()
        for child in children:
            child.join()
        yield count, 60 * count * jobs / (time.perf_counter() - started)


def _run_jobs(device: str, size: int, jobs: int, ready: object) -> None:
    torch.set_num_threads(1)
    steps = 3 if size < 64 else 200

    def job() -> None:
        *_, last = _steps("lite", size, "auto", device, steps=steps)
        last.image()

    job()
    ready.wait(START_SECONDS)  # type: ignore[attr-defined]
    for _ in range(jobs):
        job()


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return "–" if math.isnan(value) else f"{value:.3g}"


if __name__ == "__main__":
    main()
