"""Peak resident memory of a run: `python -m bench.memory --size 2048 [--model lite] [--memory auto]`.

Each run has a process of its own, which starts before the pictures are made; a few iterations reach the peak.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys

GIB = 2**30


def main() -> None:
    """Measure the sizes asked for and print a line of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs="+", default=[512, 1024, 2048, 4096], help="longest sides, in pixels")
    parser.add_argument("--model", default="lite")
    parser.add_argument("--memory", default="auto", choices=["auto", "normal", "low"])
    parser.add_argument("--steps", type=int, default=12, help="iterations of L-BFGS: 11 fill its history")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(_measure(asked.size[0], asked.model, asked.memory, asked.steps)))
        return
    for size in asked.size:
        options = ["--model", asked.model, "--memory", asked.memory, "--steps", str(asked.steps)]
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
