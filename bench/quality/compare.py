"""Is `default` better than other schemes at equal work?

    python -m bench.quality.compare --weights DIR [--content DIR --styles DIR]

Every scheme optimises on the same network with the same number of evaluations, weighted by pixels. Each one's style
weight is swept; the judged style distance is then compared at equal judged content distance, by interpolation. Writes
docs/internals/quality.md, the curves and a sheet of pictures. The judge (bench/quality/judge.py) needs the weights of
SqueezeNet and VGG-19.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import torch
from PIL import Image

from bench.quality.curves import Curve, draw
from bench.quality.judge import Judge
from bench.quality.pictures import Pair, pairs
from bench.tables import machine, markdown
from cli.contact_sheet import sheet
from nst_engine import load_network, resolve, stylize
from nst_engine.schedule import schedule
from nst_engine.spec.config import StyleConfig
from nst_engine.tensors import to_picture, to_tensor

# Factors on each scheme's own style weight: wide enough that the curves of content distance overlap.
FACTORS = {
    "default": (0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
    "multiscale-w2": (0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
    "classic-lbfgs": (0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
}


@dataclass(frozen=True, kw_only=True)
class Point:
    """One run: scheme, pair, factor on the style weight, judged distances, seconds."""

    scheme: str
    pair: str
    factor: float
    style: float
    content: float
    seconds: float


def main() -> None:
    """Run the comparison and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True, help="folder with SqueezeNet's and VGG-19's weights")
    parser.add_argument("--content", type=Path, help="folder of photos; else scikit-image's")
    parser.add_argument("--styles", type=Path, help="folder of paintings; else the built-in styles")
    parser.add_argument("--only", help="names of the paintings to take, with commas")
    parser.add_argument("--unseen", help="names of more paintings, which `default`'s weights were not chosen on")
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--steps", type=int, default=150, help="of `default`; the others get the same work")
    parser.add_argument("--model", default="lite")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument(
        "--points", type=Path, default=Path("out/quality.jsonl"), help="where runs are kept and found again"
    )
    asked = parser.parse_args()
    chosen, unseen = (
        pairs(asked.content, asked.styles, count=asked.pairs, only=names.split(",") if names else None)
        for names in (asked.only, asked.unseen)
    )
    unseen = unseen if asked.unseen else []
    asked.points.parent.mkdir(exist_ok=True)
    bench = Bench(Judge(asked.weights), size=asked.size, steps=asked.steps, model=asked.model, keep=asked.points)
    wanted = [(scheme, f) for scheme, factors in FACTORS.items() for f in factors]
    points = [bench.point(scheme, pair, f) for pair in (*chosen, *unseen) for scheme, f in wanted]
    report(points, chosen, unseen, bench, asked.out)


class Bench:
    """Makes and judges pictures; a run that was made before is read from `keep`, so that a long bench can go on."""

    def __init__(self, judge: Judge, *, size: int, steps: int, model: str, keep: Path) -> None:
        self._judge, self.size, self.steps, self.model = judge, size, steps, model
        self._keep = keep
        known = (Point(**json.loads(line)) for line in keep.read_text().splitlines()) if keep.exists() else ()
        self._known = {(p.scheme, p.pair, p.factor): p for p in known}

    def point(self, scheme: str, pair: Pair, factor: float) -> Point:
        """Return one run's figures."""
        known = self._known.get((scheme, pair.name, factor))
        if known and self.picture_file(scheme, pair, factor).exists():
            return known
        config = self.config(scheme, pair, factor)
        started = time.perf_counter()
        picture = paint(config, pair)
        score = self._judge.score(picture, pair.content, pair.style)
        point = Point(
            scheme=scheme,
            pair=pair.name,
            factor=factor,
            style=score.style,
            content=score.content,
            seconds=time.perf_counter() - started,
        )
        picture.save(self.picture_file(scheme, pair, factor))
        with self._keep.open("a") as file:
            file.write(json.dumps(asdict(point)) + "\n")
        print(json.dumps(asdict(point)), flush=True)
        return point

    def picture_file(self, scheme: str, pair: Pair, factor: float) -> Path:
        """Return where a run's picture is kept."""
        return self._keep.parent / f"{scheme}_{pair.name.replace(' + ', '_')}_{factor}.png"

    def config(self, scheme: str, pair: Pair, factor: float) -> StyleConfig:
        """Return the scheme's parameters with the bench's size and network and as much work as `default` does."""
        base = resolve("default", {"model": self.model, "max_size": self.size, "steps": self.steps})
        over = {"model": self.model, "max_size": self.size, "steps": self.steps}
        config = resolve(scheme, over)
        wanted, got = work(base, pair.content), work(config, pair.content)
        return resolve(
            scheme, over | {"steps": round(self.steps * wanted / got), "style_weight": config.style_weight * factor}
        )


def work(config: StyleConfig, content: Image.Image) -> int:
    """Return the evaluations of a run, each counted with its pixels."""
    return sum(s.steps * s.height * s.width for s in schedule(config, content.height, content.width))


def paint(config: StyleConfig, pair: Pair) -> Image.Image:
    """Make one picture."""
    network = load_network(config)
    *_, last = stylize(to_tensor(pair.content), [to_tensor(pair.style)], config, network=network)
    return to_picture(last.image())


def at_content(points: Sequence[Point], content: float) -> float | None:
    """Return the style distance at a content distance, by interpolation on the logarithms; None outside the curve."""
    curve = sorted((p.content, p.style) for p in points)
    for (c0, s0), (c1, s1) in pairwise(curve):
        if c0 <= content <= c1:
            t = (math.log(content) - math.log(c0)) / max(math.log(c1) - math.log(c0), 1e-9)
            return math.exp(math.log(s0) + t * (math.log(s1) - math.log(s0)))
    return None


def meeting(points: Sequence[Point]) -> float | None:
    """Return the content distance to compare at: that of `default` as it is, moved into what all curves cover."""
    by_scheme = [[p.content for p in points if p.scheme == scheme] for scheme in FACTORS]
    low, high = max(map(min, by_scheme)), min(map(max, by_scheme))
    if low > high:
        return None
    own = next(p.content for p in points if p.scheme == "default" and p.factor == 1.0)
    return min(max(own, low), high)


def report(points: Sequence[Point], chosen: Sequence[Pair], unseen: Sequence[Pair], bench: Bench, out: Path) -> None:
    """Write the tables, the curves and the sheet."""
    curves, pictures = [], []
    for pair in (*chosen, *unseen):
        mine = [p for p in points if p.pair == pair.name]
        curves.append((pair.name, [_curve(scheme, mine) for scheme in FACTORS]))
        nearest = [_nearest(scheme, mine, meeting(mine)) for scheme in FACTORS]
        shown = [Image.open(bench.picture_file(p.scheme, pair, p.factor)) for p in nearest]
        pictures.append([_thumbnail(pair.content, bench.size), _thumbnail(pair.style, bench.size), *shown])
    (out / "images").mkdir(parents=True, exist_ok=True)
    draw(curves).save(out / "images" / "quality" / "curves.png")
    page = sheet(pictures, columns=["content", "style", *FACTORS], rows=["" for _ in pictures])
    page.save(out / "images" / "quality" / "sheet.jpg", quality=82)
    text = _PAGE.format(
        compared=_compared(points, chosen),
        unseen=_UNSEEN.format(compared=_compared(points, unseen)) if unseen else "",
        size=bench.size,
        steps=bench.steps,
        model=bench.model,
        machine=machine(),
        threads=torch.get_num_threads(),
    )
    (out / "internals" / "quality.md").write_text(text)


def _compared(points: Sequence[Point], chosen: Sequence[Pair]) -> str:
    """Return how often `default` is lowest, and the table."""
    rows, wins = [], 0
    for pair in chosen:
        mine = [p for p in points if p.pair == pair.name]
        content = meeting(mine)
        styles = {s: at_content([p for p in mine if p.scheme == s], content) if content else None for s in FACTORS}
        best = min((v for v in styles.values() if v is not None), default=None)
        wins += best is not None and styles["default"] == best
        rows.append([pair.name, _figure(content), *(_figure(value) for value in styles.values())])
    head = ["pair", "content distance", *(f"style, `{scheme}`" for scheme in FACTORS)]
    return f"`default` is lowest on {wins} of {len(chosen)} pairs.\n\n{markdown(head, rows)}"


def _curve(scheme: str, points: Sequence[Point]) -> Curve:
    return Curve(scheme, [(p.content, p.style) for p in points if p.scheme == scheme])


def _nearest(scheme: str, points: Sequence[Point], content: float | None) -> Point:
    """Return the scheme's point closest to a content distance; without one, the scheme as it is."""
    own = [p for p in points if p.scheme == scheme]
    return min(own, key=lambda p: abs(math.log(p.factor)) if content is None else abs(p.content - content))


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _thumbnail(picture: Image.Image, size: int) -> Image.Image:
    small = picture.copy()
    small.thumbnail((size, size))
    return small


_PAGE = """# Quality of `default`

Style distance at equal content distance (lower is better), at {size} px on `{model}`.
`bench/quality/judge.py` measures both. Every scheme does the work of {steps} steps of `default`: the same number of
network evaluations, weighted by pixels. Each scheme runs with six style weights, and the table interpolates between
them.

{compared}
{unseen}
![Curves](../images/quality/curves.png)

The picture of each scheme that is closest to that content distance:

![Pictures](../images/quality/sheet.jpg)

Measured with `python -m bench.quality.compare` on {machine} (threads: {threads}).
"""

_UNSEEN = """
The layer weights of `default` were chosen on pairs with these paintings. On paintings that played no part:

{compared}
"""


if __name__ == "__main__":
    main()
