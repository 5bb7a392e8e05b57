"""Measure engine and service and write docs/internals/benchmarks.md: `make bench`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import engine, kernels, preset_times
from bench.service import measure
from bench.tables import markdown

PAGE = """# Benchmarks

Measured with `{command_line}` on {machine}, {threads} threads, with everything on that one machine.
`python -m bench.engine --quick --json` and `python -m bench.service.measure --quick --json` print the figures alone.
`bench/engine.py` and `bench/service/measure.py` explain in their docstrings how each figure is measured.

## Engine

### Overhead

Seconds of one iteration of `default` (evaluation, L-BFGS, checks), and of a bare forward and backward pass through the
same truncated network in the same arithmetic. The two are measured in turn in one process, and each figure is a median.
VGG-19 has random weights. On a CPU with bfloat16 instructions, `default` computes in bfloat16
([ADR 0014](../adr/0014-memory-threads-precision.md)). This speeds up the bare pass more than the rest of an iteration.

{overhead}

Goal, in float32 at 512 px: a ratio of at most 1.12 with VGG-19 and 1.25 with `lite`.

### Presets

Time of one picture of 512 px (3:2) with each preset, at the preset's own length (`python -m bench.preset_times`). A few
iterations are timed at each size and multiplied by their number. VGG-16 has random weights, which take the same time.

{presets}

### Time to the objective

The target is the loss that single-scale L-BFGS has after 300 evaluations, with the losses of `default` on `lite`. The
table has the seconds until each scheme, an optimizer with a schedule of scales, reaches it. The loss is that of the
picture, with pixels clamped to [0, 1]. Schemes compute in float32, like the published systems that use them; only
"default" and "L-BFGS of default" compute as `default` does. A scheme that takes more than twice the time of
single-scale L-BFGS is stopped, and twice that time is entered. The lowest loss is given as a multiple of the target.

{objective}

{summary}

Goal: at most 0.35 of the time of single-scale L-BFGS, and 0.25 of that of `multiscale-w2`'s schedule.

### Memory and commands

{memory}

{command}

The commands run in turns. Goal: 0.5 s for the help, 15 s at 256 px, 60 s at 512 px; a single step takes at most 1.5
times the CPU time of `import torch`, a draft at most 2.0 times.

### Kernels

What one iteration of `default` asks of a GPU, counted on an emulated device (`python -m bench.kernels`, here at {side}
px): kernels that it launches, times that the host waits for the device, and copies from the host.

{kernels}

Goal: one wait, no copy, and fewer than 200 kernels. The forward and backward passes through `lite` alone launch 108: 28
convolutions, 11 paddings, 11 ReLUs, 4 poolings, and the gradient of each. The roots of the Wasserstein distance take
30 products of matrices, one after the other. With `NST_CUDA_GRAPHS` evaluation and optimizer are launched together, and
only a few kernels around them are launched one by one.

### Work around the iterations

Work on the pictures of a job with a photo of 12 megapixels, 384 px, in CPU seconds: the photo is shrunk once, before
it becomes a tensor, or resized from its full size for every scale. The two are measured in turns.

{host}

Goal: 0.35 s.

### Starting from a picture

A picture painted with strength 0.5 goes on with strength 0.7, on the built-in pair: in a full run of `default`, and
with `init=image` and `scales=1` until its loss is at most 1.02 of that of the full run (`python -m bench.init_image`).

{init}

Goal: a third of the CPU seconds of the full run.

## Service

Each row compares the service with a baseline, unless the row names something else. The baseline is a FastAPI endpoint
that returns the same number of bytes under the same load and does nothing else.

{service}

Goal: status polls at 0.5 of the baseline's rate or more; a 95th percentile of the queue time of at most 0.05 s; a
99th percentile of polls at most twice as long while a worker computes; a draft in 1.5 s (median), 2.5 s (95th
percentile). To create a job, the API has to decode the
photo in a separate process and store it as a clean PNG. "Decoding, hashing and disk" measures this work alone, on as
many cores.

## Not measured

No GPU has run this service. The engine is tested on an emulated CUDA device, which keeps no time.
"""


UPLOAD_BASELINES = {"decode_hash_and_disk": "decoding, hashing and disk", "hash_and_disk": "hashing and disk"}


def main() -> None:
    """Measure everything and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes and short turns")
    parser.add_argument("--out", type=Path, default=Path("docs/internals/benchmarks.md"))
    asked = parser.parse_args()
    print("engine …", file=sys.stderr)
    of_engine = engine.measure(quick=asked.quick)
    of_presets = preset_times.measure(512)
    of_kernels = kernels.measure(quick=asked.quick)
    print("service …", file=sys.stderr)
    of_service = asyncio.run(measure.measure(quick=asked.quick))
    command_line = "make bench ARGS=--quick" if asked.quick else "make bench"
    asked.out.write_text(page(of_engine, of_presets, of_kernels, of_service, command_line))


def page(
    found: dict[str, Any],
    timed: list[dict[str, Any]],
    counted: list[dict[str, Any]],
    served: dict[str, Any],
    command_line: str,
) -> str:
    """Return docs/internals/benchmarks.md."""
    return PAGE.format(
        command_line=command_line,
        machine=found["machine"],
        threads=found["threads"],
        overhead=_table(
            ["network", "arithmetic", "size", "bare pass", "iteration", "ratio"],
            [tuple(o.values()) for o in found["overhead"]],
        ),
        presets=_table(["preset", "network", "iterations", "seconds"], [tuple(time.values()) for time in timed]),
        objective=_table(
            ["scheme", "size", "seconds", "reached", "share of single-scale L-BFGS", "lowest loss"],
            [
                (r["scheme"], r["size"], r["seconds"], "yes" if r["reached"] else "no", r["share"], r["loss"])
                for r in found["objective"]
            ],
        ),
        summary=_summary(found["objective"]),
        memory=_table(
            ["`default` on `lite`", "peak of the process, GiB"],
            [(f"{m['width']} x {m['height']}", m["peak_gib"]) for m in found["memory"]],
        ),
        command=_table(
            ["command", "seconds", "CPU seconds", "multiple of `import torch`"],
            [tuple(time.values()) for time in found["command"]],
        ),
        side=kernels.SIZE,
        kernels=_table(
            ["network", "optimizer", "kernels", "waits", "copies"], [tuple(one.values()) for one in counted]
        ),
        host=_table(["", "CPU seconds"], list(found["host"].items())),
        init=_table(
            ["", "steps", "CPU seconds", "loss"], [(name, *figures) for name, figures in found["init"].items()]
        ),
        service=_service(served),
    )


def _summary(reaches: Sequence[dict[str, Any]]) -> str:
    seconds = {(reach["size"], reach["scheme"]): reach["seconds"] for reach in reaches}
    sentences = []
    for size in sorted({reach["size"] for reach in reaches}):
        default, lbfgs, w2 = (seconds[size, scheme] for scheme in (engine.DEFAULT, engine.LBFGS, engine.W2))
        sentences.append(
            f"At {size} px `default` takes {default / lbfgs:.2f} of the time of single-scale L-BFGS and "
            f"{default / w2:.2f} of\nthat of `multiscale-w2`'s schedule."
        )
    return "\n".join(sentences)


def _service(found: dict[str, Any]) -> str:
    names = ("polls", "events", "creates", "queue", "drafts", "busy")
    polls, events, creates, queue, drafts, busy = (found[name] for name in names)
    rows: list[Sequence[Any]] = [
        ("status polls per second", polls["rate"], polls["baseline"], polls["ratio"]),
        (
            "created jobs per second, with a photo of 1 MB",
            creates["rate"],
            creates["baseline"],
            creates["ratio_to_baseline"],
        ),
        *(
            (f"the same, compared with {what} alone", creates["rate"], creates[name], creates[f"ratio_to_{name}"])
            for name, what in UPLOAD_BASELINES.items()
        ),
        ("events per second to 100 listeners", events["rate"], events["baseline"], events["ratio"]),
        (
            "polls while a worker computes, 99th percentile, s",
            busy["computing_p99"],
            busy["baseline_computing_p99"],
            "–",
        ),
        ("the same, compared with polls while none computes", busy["computing_p99"], busy["idle_p99"], busy["ratio"]),
        ("queue time with an idle worker, median, s", queue["median"], "–", "–"),
        ("queue time with an idle worker, 95th percentile, s", queue["p95"], "–", "–"),
        ("draft of a 12-megapixel photo, from its creation to its success, median, s", drafts["median"], "–", "–"),
        ("draft of a 12-megapixel photo, 95th percentile, s", drafts["p95"], "–", "–"),
    ]
    jobs = [found["one_worker"], found["two_workers"]]
    more = [(f"{j['workers']}", j["per_minute"], j["engine"], j["ratio"]) for j in jobs]
    return "\n\n".join(
        (
            _table(["", "service", "compared with", "ratio"], rows),
            _table(["workers", "jobs per minute, `lite`, 256 px", "engine alone", "ratio"], more),
        )
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    return markdown(head, [[_figure(value) for value in row] for row in rows])


def _figure(value: Any) -> str:
    if value is None:
        return "–"
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
