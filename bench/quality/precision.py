"""Does a lower precision make the same picture? `python -m bench.quality.precision [--weights DIR]`

Makes each pair in float32 and in another precision and prints a table: the final loss, computed in float32 for both,
and the seconds, each as a multiple of float32's; the mean absolute difference of the pixels, in [0, 1]; and, where
--weights names a folder with the judge's networks (bench/quality/judge.py), the judged distances of both.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from bench.quality.judge import Judge
from bench.quality.pictures import Pair, pairs
from bench.tables import machine, markdown
from nst_engine import load_network, resolve, stylize
from nst_engine.spec.config import Precision
from nst_engine.spec.presets import PRESETS
from nst_engine.tensors import to_picture, to_tensor


@dataclass(frozen=True, kw_only=True)
class Made:
    """A picture, its final loss in float32, and the seconds it took."""

    image: torch.Tensor  # (3, H, W)
    loss: float
    seconds: float


def main() -> None:
    """Make the pictures and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--weights", type=Path, help="folder with SqueezeNet's and VGG-19's weights")
    parser.add_argument("--content", type=Path, help="folder of photos; else scikit-image's")
    parser.add_argument("--styles", type=Path, help="folder of paintings; else the built-in styles")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, help="else the preset's own")
    parser.add_argument("--model", default="lite")
    parser.add_argument("--presets", nargs="+", choices=list(PRESETS), default=["default"])
    parser.add_argument("--precision", choices=["bfloat16", "tf32"], default="bfloat16")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--keep", type=Path, help="folder for the pictures")
    asked = parser.parse_args()
    judge = Judge(asked.weights) if asked.weights else None
    head = ["preset", "pair", "loss", "seconds", "pixels differ by", *(["style", "content"] if judge else [])]
    rows = []
    for preset in asked.presets:
        over = {"model": asked.model, "max_size": asked.size} | ({"steps": asked.steps} if asked.steps else {})
        for pair in pairs(asked.content, asked.styles, count=asked.pairs):
            exact, other = (make(preset, over, pair, p, asked.device) for p in ("float32", asked.precision))
            apart = (exact.image - other.image).abs().mean().item()
            row = [preset, pair.name, f"{other.loss / exact.loss:.3f}", f"{other.seconds / exact.seconds:.2f}"]
            row += [f"{apart:.4f}", *(judged(judge, pair, exact, other) if judge else [])]
            rows.append(row)
            print(*row, flush=True)
            if asked.keep:
                asked.keep.mkdir(parents=True, exist_ok=True)
                beside = torch.cat([exact.image, other.image], dim=-1)
                to_picture(beside).save(asked.keep / f"{preset}_{pair.name.replace(' + ', '_')}.png")
    print(f"\n{asked.precision} beside float32, {asked.model}, {asked.size} px, {machine()}\n\n{markdown(head, rows)}")


def make(preset: str, over: dict[str, object], pair: Pair, precision: str, device: str) -> Made:
    """Make a picture in a precision, and take its loss in float32."""
    config = resolve(preset, over | {"precision": precision})
    network = load_network(config, device=device)
    content, style = to_tensor(pair.content), to_tensor(pair.style)
    started = time.perf_counter()
    *_, last = stylize(content, [style], config, network=network)
    seconds = time.perf_counter() - started
    image = last.image()
    again = {"precision": Precision.FLOAT32, "init": "image", "scales": 1, "steps": 1, "max_size": max(image.shape)}
    check = resolve(preset, over | again)
    first = next(stylize(content, [style], check, network=network, init_image=image))
    return Made(image=image, loss=first.loss, seconds=seconds)


def judged(judge: Judge, pair: Pair, exact: Made, other: Made) -> list[str]:
    """Return the style and content distances of both pictures."""
    one, two = (judge.score(_picture(made), pair.content, pair.style) for made in (exact, other))
    return [f"{one.style:.3f} → {two.style:.3f}", f"{one.content:.2f} → {two.content:.2f}"]


def _picture(made: Made) -> Image.Image:
    return to_picture(made.image)


if __name__ == "__main__":
    main()
