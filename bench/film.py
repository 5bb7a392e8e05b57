"""Measure films: flicker, distance to the style, seconds a frame, and memory.

    python -m bench.film [--size 384] [--frames 24] [--clips pan,object,zoom] [--strip strip.jpg] [--memory 60,600]

Three clips are made from scikit-image's photos: a pan, an object that moves over a still ground, and a zoom held in the
hand. Each is painted as a film, and frame by frame with equal steps: every frame as a picture that starts from itself
with as many steps as a frame of the film, and with all steps. The warp error is the mean difference between
neighboring results once the motion of the clip is taken out, where the motion can be trusted. `style_deep` is measured
as in bench/quality/judge.py if NST_WEIGHTS_DIR has VGG-16's weights.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from bench.quality.judge import DEEP, gram_distance
from bench.tables import machine, markdown
from nst_engine import StyleConfig, load_network, paint, resolve
from nst_engine.motion.flow import confidence, flow_between, gray, warp
from nst_engine.motion.painting import FIRST_MOVE, frame_steps, stylize_film
from nst_engine.networks.features import Network, NetworkSpec, load_body
from nst_engine.run.inputs import Inputs
from nst_engine.run.loop import Run
from nst_engine.spec.enums import Model
from nst_engine.tensors import to_picture, to_tensor

RATIO = (16, 9)
STILL = "still"  # a clip without any motion or noise, in which drift shows
SHOWN = 6  # frames of a strip


def pan(size: tuple[int, int], count: int) -> Iterator[Image.Image]:
    """Move over a photo."""
    photo = _photo("coffee", 1.5, size)
    for i in range(count):
        yield _cut(photo, size, x=2.0 * i, y=0.4 * i)


def moving_object(size: tuple[int, int], count: int) -> Iterator[Image.Image]:
    """Move a part of one photo over another, which stands still but for the noise of a camera."""
    ground, thing = _photo("coffee", 1.0, size), _photo("astronaut", 1.0, size)
    side = size[1] // 2
    disc = Image.new("L", (side * 4, side * 4))
    disc.paste(
        255, (0, 0, side * 4, side * 4), Image.radial_gradient("L").resize(disc.size).point(lambda v: 255 * (v < 120))
    )
    disc = disc.resize((side, side), Image.Resampling.LANCZOS)
    face = thing.crop((thing.width // 3, 0, thing.width // 3 + side, side))
    random = np.random.default_rng(0)
    for i in range(count):
        frame = ground.crop((0, 0, *size))
        frame.paste(
            face, (round(size[0] * 0.05 + 3 * i), round(size[1] * 0.25 + size[1] * 0.1 * math.sin(i / 6))), disc
        )
        noise = random.normal(0, 1.5, (size[1], size[0], 3))
        yield Image.fromarray((np.asarray(frame) + noise).round().clip(0, 255).astype(np.uint8))


def zoom(size: tuple[int, int], count: int) -> Iterator[Image.Image]:
    """Move closer by hand: with a tremor and the noise of a camera."""
    photo, random = _photo("astronaut", 1.6, size), np.random.default_rng(1)
    for i in range(count):
        factor = 1 / (1 + 0.008 * i)
        x, y = 20 + 1.5 * math.sin(i * 1.1), 12 + 1.2 * math.sin(i * 1.7 + 1)
        frame = np.asarray(_cut(photo, size, x=x + i, y=y + i * 0.5, factor=factor))
        yield Image.fromarray((frame + random.normal(0, 1.5, frame.shape)).round().clip(0, 255).astype(np.uint8))


def still(size: tuple[int, int], count: int) -> Iterator[Image.Image]:
    """Show the same photo with the noise of a camera."""
    photo, random = np.asarray(_photo("coffee", 1.0, size).crop((0, 0, *size))), np.random.default_rng(2)
    for _ in range(count):
        yield Image.fromarray((photo + random.normal(0, 1.5, photo.shape)).round().clip(0, 255).astype(np.uint8))


Clip = Callable[[tuple[int, int], int], Iterator[Image.Image]]
CLIPS: dict[str, Clip] = {"pan": pan, "object": moving_object, "zoom": zoom, STILL: still}


def _photo(name: str, factor: float, size: tuple[int, int]) -> Image.Image:
    """Return a photo of which `size` is 1/factor of the width, and that is at least as high as a frame."""
    from skimage import data

    photo = Image.fromarray(getattr(data, name)())
    scale = max(size[0] / photo.width, size[1] / photo.height) * factor
    return photo.resize((math.ceil(photo.width * scale), math.ceil(photo.height * scale)), Image.Resampling.LANCZOS)


def _cut(photo: Image.Image, size: tuple[int, int], *, x: float, y: float, factor: float = 1.0) -> Image.Image:
    data = (factor, 0, x, 0, factor, y)
    return photo.transform(size, Image.Transform.AFFINE, data, Image.Resampling.BICUBIC)


@dataclass(frozen=True, kw_only=True)
class Painted:
    """The results of a clip, and what they took."""

    frames: list[Image.Image]
    seconds: float
    cpu_seconds: float


def paint_film(clip: Sequence[Image.Image], style: Image.Image, config: StyleConfig, network: Network) -> Painted:
    """Paint a clip as a film."""
    start, cpu = time.perf_counter(), time.process_time()
    steps = stylize_film(clip, [to_tensor(style)], config, network=network)
    frames = [step.picture() for step in steps if step.is_last]
    return Painted(frames=frames, seconds=time.perf_counter() - start, cpu_seconds=time.process_time() - cpu)


def paint_singly(
    clip: Sequence[Image.Image],
    style: Image.Image,
    config: StyleConfig,
    network: Network,
    *,
    first_move: float | None = None,
) -> Painted:
    """Paint each frame of a clip as a picture; with FIRST_MOVE, the steps are those of a frame of a film."""
    start, cpu, frames = time.perf_counter(), time.process_time(), []
    for frame in clip:
        inputs = Inputs.checked(to_tensor(frame), [to_tensor(style)], config)
        *_, last = Run(inputs, config, network, first_move=first_move).steps()
        frames.append(to_picture(last.image()))
    return Painted(frames=frames, seconds=time.perf_counter() - start, cpu_seconds=time.process_time() - cpu)


def warp_errors(clip: Sequence[Image.Image], frames: Sequence[Image.Image]) -> tuple[float, float]:
    """Return the mean absolute and the mean squared warp error of neighboring results, of pixels in [0, 1]."""
    absolute, squared = [], []
    pairs = zip(clip, clip[1:], frames, frames[1:], strict=False)
    for before, now, painted_before, painted in pairs:
        one, other = gray(np.asarray(before)), gray(np.asarray(now))
        flow = flow_between(other, one)
        seen = confidence(flow, flow_between(one, other)) > 0
        moved = warp(_floats(painted_before), flow)
        gap = (moved - _floats(painted))[seen]
        absolute.append(float(np.abs(gap).mean()))
        squared.append(float(np.square(gap).mean()))
    return statistics.mean(absolute), statistics.mean(squared)


def _floats(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture, dtype=np.float32) / 255


class StyleDistance:
    """`style_deep` of bench/quality/judge.py."""

    def __init__(self, folder: Path, style: Image.Image) -> None:
        self._layers = [layer for layer in DEEP if layer.endswith("_1")]
        self._network = Network(load_body(NetworkSpec(model=Model.VGG16_EDGES, layers=DEEP), folder))
        self._style = style

    @torch.no_grad()
    def mean(self, frames: Sequence[Image.Image]) -> float:
        """Return the mean distance of some of the frames."""
        chosen = [frames[i] for i in np.linspace(0, len(frames) - 1, 4).astype(int)]
        longest = max(chosen[0].size)
        ratio = longest / max(self._style.size)
        style = self._style.resize([round(side * ratio) for side in self._style.size], Image.Resampling.LANCZOS)
        wanted = self._network.features(to_tensor(style)[None])
        found = [gram_distance(self._network.features(to_tensor(f)[None]), wanted, self._layers) for f in chosen]
        return statistics.mean(found)


def strip(rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Return rows of frames as one picture."""
    width, height = rows[0][0].size
    shown = [[row[i] for i in np.linspace(0, len(row) - 1, SHOWN).astype(int)] for row in rows]
    sheet = Image.new("RGB", (SHOWN * (width + 4) - 4, len(rows) * (height + 4) - 4), "white")
    for y, row in enumerate(shown):
        for x, frame in enumerate(row):
            sheet.paste(frame, (x * (width + 4), y * (height + 4)))
    return sheet


def memory(frames: int, size: tuple[int, int], style: str, overrides: dict[str, str]) -> None:
    """Paint a still clip frame by frame and print the largest memory of this process in MiB."""
    config = resolve("default", {"max_size": max(size), **overrides})
    for _ in stylize_film(still(size, frames), [to_tensor(paint(style, max(size)))], config):
        pass
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--clips", default="pan,object,zoom,still")
    parser.add_argument("--style", default="waves")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--preset", default="default")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the run")
    parser.add_argument("--full", action="store_true", help="also paint every frame with all steps")
    parser.add_argument("--strip", type=Path, help="write a sheet of the first clip: film, single frames, clip")
    parser.add_argument("--save", type=Path, help="folder for all frames")
    parser.add_argument("--memory", help="only measure the memory for these numbers of frames")
    options = parser.parse_args()
    size = (options.size, round(options.size * RATIO[1] / RATIO[0] / 2) * 2)
    overrides = dict(item.split("=", 1) for item in options.set)
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.memory:
        counts = [int(count) for count in options.memory.split(",")]
        if len(counts) == 1:
            return memory(counts[0], size, options.style, overrides)
        for count in counts:
            words = [sys.executable, "-m", "bench.film", *sys.argv[1:], "--memory", str(count)]
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            print(f"{count} frames: {float(done.stdout):.0f} MiB")
        return None
    return compare(options, size, overrides)


def compare(options: argparse.Namespace, size: tuple[int, int], overrides: dict[str, str]) -> None:
    """Paint every clip in each way and print what was measured."""
    config = resolve(options.preset, {"max_size": options.size, **overrides})
    few = config.model_copy(update={"steps": frame_steps(config)})
    network, style = load_network(config), paint(options.style, options.size)
    folder = os.environ.get("NST_WEIGHTS_DIR")
    distance = StyleDistance(Path(folder), style) if folder else None
    ways = {
        "film": (paint_film, config),
        "singly": (partial(paint_singly, first_move=FIRST_MOVE * network.pixel_scale), few),
    }
    if options.full:
        ways["singly, all steps"] = (paint_singly, config)
    rows, sheet = [], []
    for name in options.clips.split(","):
        clip = list(CLIPS[name](size, options.frames))
        for way, (paint_clip, values) in ways.items():
            done = paint_clip(clip, style, values, network)
            absolute, squared = warp_errors(clip, done.frames)
            light = [float(_floats(frame).mean()) for frame in done.frames]
            deep = f"{distance.mean(done.frames):.3f}" if distance else "–"
            times = f"{done.seconds / len(clip):.2f}", f"{done.cpu_seconds / len(clip):.2f}"
            row = [name, way, f"{absolute:.4f}", f"{squared:.6f}", deep, *times, f"{light[0]:.3f} → {light[-1]:.3f}"]
            rows.append(row)
            print(row, flush=True)
            sheet.append(done.frames)
            if options.save:
                options.save.mkdir(parents=True, exist_ok=True)
                for i, frame in enumerate(done.frames):
                    frame.save(options.save / f"{name}-{way}-{i:03}.png")
        sheet.append(clip)
    head = ["clip", "painted", "warp error", "squared", "style_deep", "s a frame", "CPU s", "brightness, first → last"]
    print(f"{config.steps} steps, then {few.steps} a frame; {size[0]} x {size[1]}; {machine()}\n{markdown(head, rows)}")
    if options.strip:
        strip(sheet).save(options.strip, quality=90)


if __name__ == "__main__":
    main()
