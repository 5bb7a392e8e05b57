"""Does a lower precision make the same picture? `python -m bench.quality.precision [--weights DIR]`

Stylizes each pair in float32 and in another precision and prints a table: the final loss, computed in float32 for both,
and the seconds, each as a multiple of float32's; the mean absolute difference of the pixels, in [0, 1]; and, with
--weights, the distances of both that `bench/quality/judge.py` measures.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from bench.quality.judge import Judge
from bench.quality.pictures import Pair, add_options, chosen_pairs
from bench.tables import machine, markdown
from nst_engine import load_network, resolve, stylize
from nst_engine.spec.enums import Precision
from nst_engine.spec.presets import PRESETS
from nst_engine.tensors import to_picture, to_tensor


@dataclass(frozen=True, kw_only=True)
class Result:
    """A picture, its final loss in float32, and the seconds it took."""

    image: Tensor  # (3, H, W)
    loss: float
    seconds: float


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_options(parser, pairs=3, size=256)
    parser.add_argument("--weights", type=Path, help="folder with the weights of the judge's networks")
    parser.add_argument("--steps", type=int, help="default: the preset's own")
    parser.add_argument("--model", default="lite")
    parser.add_argument("--presets", nargs="+", choices=list(PRESETS), default=["default"])
    parser.add_argument("--precision", choices=["bfloat16", "tf32"], default="bfloat16")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    judge = Judge(options.weights) if options.weights else None
    over = {"model": options.model, "max_size": options.size} | ({"steps": options.steps} if options.steps else {})
    rows = []
    for preset in options.presets:
        for pair in chosen_pairs(options):
            exact, other = (run(preset, over, pair, p, options.device) for p in ("float32", options.precision))
            difference = (exact.image - other.image).abs().mean().item()
            row = [preset, pair.name, f"{other.loss / exact.loss:.3f}", f"{other.seconds / exact.seconds:.2f}"]
            rows.append([*row, f"{difference:.4f}", *(distances(judge, pair, exact, other) if judge else [])])
            print(*rows[-1], flush=True)
    head = ["preset", "pair", "loss", "seconds", "difference", *(["style", "content"] if judge else [])]
    title = f"{options.precision} compared with float32, {options.model}, {options.size} px, {machine()}"
    print(f"\n{title}\n\n{markdown(head, rows)}")


def run(preset: str, over: dict[str, object], pair: Pair, precision: str, device: str) -> Result:
    """Stylize a pair in a precision, and compute the loss of the result in float32."""
    config = resolve(preset, over | {"precision": precision})
    network = load_network(config, device=device)
    started = time.perf_counter()
    image = pair.stylize(config, network).image()
    seconds = time.perf_counter() - started
    again = {"precision": Precision.FLOAT32, "init": "image", "scales": 1, "steps": 1, "max_size": max(image.shape)}
    steps = stylize(
        to_tensor(pair.content),
        [to_tensor(pair.style)],
        resolve(preset, over | again),
        network=network,
        init_image=image,
    )
    return Result(image=image, loss=next(steps).loss, seconds=seconds)


def distances(judge: Judge, pair: Pair, exact: Result, other: Result) -> list[str]:
    """Return the style and content distances of both pictures."""
    one, two = (judge.score(to_picture(result.image), pair.content, pair.style) for result in (exact, other))
    return [f"{one.style:.3f} → {two.style:.3f}", f"{one.content:.2f} → {two.content:.2f}"]


if __name__ == "__main__":
    main()
