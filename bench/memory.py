"""Measure the peak resident memory of a run: `python -m bench.memory --size 2048 [--model lite] [--memory auto]`.

Each run has a process of its own. A few iterations reach the peak.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys

GIB = 2**30


def main() -> None:
    """Measure each size and print a line of JSON for it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs="+", default=[512, 1024, 2048, 4096], help="longest sides, in pixels")
    parser.add_argument("--model", default="lite")
    parser.add_argument("--memory", default="auto", choices=["auto", "normal", "low"])
    parser.add_argument("--steps", type=int, default=12, help="iterations of L-BFGS: 11 fill its history")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(_measure(arguments.size[0], arguments.model, arguments.memory, arguments.steps)))
        return
    for size in arguments.size:
        options = ["--model", arguments.model, "--memory", arguments.memory, "--steps", str(arguments.steps)]
        command = [sys.executable, "-m", "bench.memory", "--child", "--size", str(size), *options]
        print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip(), flush=True)


def _measure(size: int, model: str, memory: str, steps: int) -> dict[str, object]:
    import torch

    from nst_engine import resolve, stylize

    content = torch.rand(3, size * 3 // 4, size)
    style = torch.rand(3, size * 3 // 4, size)
    config = resolve(
        "default",
        {"model": model, "memory": memory, "max_size": size, "steps": steps, "scales": 1, "lbfgs_history": 10},
    )
    for step in stylize(content, [style], config):
        last = step
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "model": model,
        "width": last.width,
        "height": last.height,
        "memory": memory,
        "peak_gib": round(peak / GIB, 2),
    }


if __name__ == "__main__":
    main()
