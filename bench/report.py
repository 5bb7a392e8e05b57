"""Measure engine and service and write docs/internals/benchmarks.md: `make bench`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import engine
from bench.service import measure
from bench.tables import markdown

PAGE = """# Benchmarks

Made by `{command_line}` on {machine}, {threads} threads, everything on that one machine.
`python -m bench.engine --quick --json` and `python -m bench.service.measure --quick --json` print the ratios alone.
How each figure is measured stands at the top of `bench/engine.py` and `bench/measure.py`.

## Engine

### Overhead

Seconds of one iteration of `default` (evaluation, L-BFGS, checks) and of a bare forward and backward pass through the
same truncated network in the same arithmetic, medians of turns in one process. VGG-19 has random weights. Where the
processor multiplies bfloat16 itself, `default` computes in it
([ADR 0014](../adr/0014-memory-threads-precision.md)): the floor falls further than what stands on it.

{overhead}

Aimed at, in float32: at most 1.12 with VGG-19 and 1.25 with `lite`, at 512 px.

### Time to the objective

Seconds to the loss that single-scale L-BFGS has after 300 evaluations, `default`'s loss on `lite`. It is the loss of
the picture, whose pixels are clamped to [0, 1]; that of the iterate is lower. All compute in float32, as the systems do
that they stand for, but for the two in `default`'s arithmetic. A scheme that is not there after twice that time, or
never, counts as that long; its lowest loss is given in multiples of that one.

{objective}

`default` needs {of_lbfgs} of the time of single-scale L-BFGS (aimed at: 0.35) and {of_w2} of that of `multiscale-w2`'s
schedule (aimed at: 0.25).

### Memory and commands

{memory}

{command}

Aimed at: 0.5 s for the help, 15 s at 256 px, 60 s at 512 px.

## Service

{service}

Aimed at: status polls at least 0.5 of the bare endpoint's rate; p95 of the queue at most 0.05 s; p99 of polls at most
twice as long while a worker computes. A creation decodes the photo in a process apart, which it cannot do without, and
stores it clean, as PNG; decoding, hashing and the disk are measured on as many cores, with nothing else around them.

## Not measured

No GPU was at hand: TF32 and several workers on one device are tested on the CPU as far as it goes, and not timed.
"""


FLOORS = {"decode_hash_and_disk": "decoding, hashing and disk", "hash_and_disk": "hashing and disk"}


def main() -> None:
    """Measure everything and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes and short turns")
    parser.add_argument("--out", type=Path, default=Path("docs/internals/benchmarks.md"))
    asked = parser.parse_args()
    print("engine …", file=sys.stderr)
    of_engine = engine.measure(quick=asked.quick)
    print("service …", file=sys.stderr)
    of_service = asyncio.run(measure.measure(quick=asked.quick))
    command_line = "make bench ARGS=--quick" if asked.quick else "make bench"
    asked.out.write_text(page(of_engine, of_service, command_line))


def page(found: dict[str, Any], served: dict[str, Any], command_line: str) -> str:
    """Return docs/internals/benchmarks.md."""
    seconds = {reach["scheme"]: reach["seconds"] for reach in found["objective"]}
    default, lbfgs, w2 = (seconds[scheme] for scheme in (engine.DEFAULT, engine.LBFGS, engine.W2))
    return PAGE.format(
        command_line=command_line,
        machine=found["machine"],
        threads=found["threads"],
        overhead=_table(
            ["network", "arithmetic", "size", "floor", "iteration", "ratio"],
            [tuple(o.values()) for o in found["overhead"]],
        ),
        objective=_table(
            ["scheme", "size", "seconds", "reached", "share of single-scale L-BFGS", "lowest loss"],
            [
                (r["scheme"], r["size"], r["seconds"], "yes" if r["reached"] else "no", r["share"], r["loss"])
                for r in found["objective"]
            ],
        ),
        of_lbfgs=f"{default / lbfgs:.2f}",
        of_w2=f"{default / w2:.2f}",
        memory=_table(
            ["`default` on `lite`", "peak of the process, GiB"],
            [(f"{m['width']} x {m['height']}", m["peak_gib"]) for m in found["memory"]],
        ),
        command=_table(["command", "seconds"], list(found["command"].items())),
        service=_service(served),
    )


def _service(found: dict[str, Any]) -> str:
    polls, events, creates, queue, busy = (found[name] for name in ("polls", "events", "creates", "queue", "busy"))
    rows: list[Sequence[Any]] = [
        ("status polls a second", polls["rate"], polls["bare"], polls["ratio"]),
        ("creations with a photo of 1 MB a second", creates["rate"], creates["bare"], creates["ratio_to_bare"]),
        *(
            (f"the same, beside {what} alone", creates["rate"], creates[name], creates[f"ratio_to_{name}"])
            for name, what in FLOORS.items()
        ),
        ("events a second to 100 listeners", events["rate"], events["bare"], events["ratio"]),
        ("p99 of polls while a worker computes, s", busy["computing_p99"], busy["bare_computing_p99"], "–"),
        ("the same, beside that while none does", busy["computing_p99"], busy["idle_p99"], busy["ratio"]),
        ("queue of an idle worker, median, s", queue["median"], "–", "–"),
        ("queue of an idle worker, p95, s", queue["p95"], "–", "–"),
    ]
    jobs = [found["one_worker"], found["two_workers"]]
    more = [(f"{j['workers']}", j["per_minute"], j["engine"], j["ratio"]) for j in jobs]
    return "\n\n".join(
        (
            _table(["", "service", "bare endpoint, or what it is beside", "ratio"], rows),
            _table(["workers", "jobs a minute, `lite`, 256 px", "engine alone", "ratio"], more),
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
