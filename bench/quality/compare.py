"""Is `default` better than other schemes at equal work?

    python -m bench.quality.compare --weights DIR [--content DIR --styles DIR]

Every scheme runs on the same network with the same number of evaluations, weighted by pixels. The style weight of each
is swept; the style distances are then compared at equal content distance, by interpolation. Writes
docs/internals/quality.md, the curves and a sheet of pictures. `bench/quality/judge.py` measures the distances.
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
from bench.quality.pictures import Pair, add_options, chosen_pairs, names, pairs, thumbnail
from bench.tables import machine, markdown
from cli.output.contact_sheet import sheet
from nst_engine import load_network, resolve
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.schedule import schedule
from nst_engine.tensors import to_picture

# Factors on each scheme's own style weight: wide enough that the curves of content distance overlap.
FACTORS = {
    "default": (0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
    "multiscale-w2": (0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
    "classic-lbfgs": (0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
}


@dataclass(frozen=True, kw_only=True)
class Point:
    """One run: scheme, pair, factor on the style weight, distances, seconds."""

    scheme: str
    pair: str
    factor: float
    style: float
    content: float
    seconds: float


def main() -> None:
    """Run the comparison and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True, help="folder with the weights of the judge's networks")
    add_options(parser, pairs=6, size=192)
    parser.add_argument("--unseen", help="names of more paintings, on which the weights of `default` were not chosen")
    parser.add_argument("--steps", type=int, default=150, help="of `default`; the others do the same work")
    parser.add_argument("--model", default="lite")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--points", type=Path, default=Path("out/quality.jsonl"), help="cache of the runs")
    options = parser.parse_args()
    seen, unseen = chosen_pairs(options), []
    if options.unseen:
        unseen = pairs(options.content, options.styles, count=options.pairs, only=names(options.unseen))
    options.points.parent.mkdir(exist_ok=True)
    runs = Runs(
        Judge(options.weights), size=options.size, steps=options.steps, model=options.model, cache=options.points
    )
    sweep = [(scheme, factor) for scheme, factors in FACTORS.items() for factor in factors]
    points = [runs.point(scheme, pair, factor) for pair in (*seen, *unseen) for scheme, factor in sweep]
    report(points, seen, unseen, runs, options.out)


class Runs:
    """Makes and judges pictures; reads earlier runs from a cache, so that a long bench can continue."""

    def __init__(self, judge: Judge, *, size: int, steps: int, model: str, cache: Path) -> None:
        self._judge, self.size, self.steps, self.model = judge, size, steps, model
        self._cache = cache
        points = (Point(**json.loads(line)) for line in cache.read_text().splitlines()) if cache.exists() else ()
        self._cached = {(p.scheme, p.pair, p.factor): p for p in points}

    def point(self, scheme: str, pair: Pair, factor: float) -> Point:
        """Return one run's figures."""
        cached = self._cached.get((scheme, pair.name, factor))
        if cached and self.picture_file(scheme, pair, factor).exists():
            return cached
        config = self.config(scheme, pair, factor)
        started = time.perf_counter()
        picture = to_picture(pair.stylize(config, load_network(config)).image())
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
        line = json.dumps(asdict(point))
        with self._cache.open("a") as file:
            file.write(line + "\n")
        print(line, flush=True)
        return point

    def picture_file(self, scheme: str, pair: Pair, factor: float) -> Path:
        """Return the path of a run's picture."""
        return self._cache.parent / f"{scheme}_{pair.stem}_{factor}.png"

    def config(self, scheme: str, pair: Pair, factor: float) -> StyleConfig:
        """Return the scheme's parameters with the size, the network and the work of `default`."""
        over = {"model": self.model, "max_size": self.size, "steps": self.steps}
        base, config = resolve("default", over), resolve(scheme, over)
        steps = round(self.steps * work(base, pair.content) / work(config, pair.content))
        return resolve(scheme, over | {"steps": steps, "style_weight": config.style_weight * factor})


def work(config: StyleConfig, content: Image.Image) -> int:
    """Return the evaluations of a run, each weighted by its pixels."""
    return sum(s.steps * s.height * s.width for s in schedule(config, content.height, content.width))


def at_content(points: Sequence[Point], content: float) -> float | None:
    """Interpolate the style distance at a content distance, on the logarithms; None outside the curve."""
    curve = sorted((p.content, p.style) for p in points)
    for (c0, s0), (c1, s1) in pairwise(curve):
        if c0 <= content <= c1:
            t = (math.log(content) - math.log(c0)) / max(math.log(c1) - math.log(c0), 1e-9)
            return math.exp(math.log(s0) + t * (math.log(s1) - math.log(s0)))
    return None


def compared_at(points: Sequence[Point]) -> float | None:
    """Return the content distance to compare at: that of `default`, clamped to the range that all curves cover."""
    by_scheme = [[p.content for p in points if p.scheme == scheme] for scheme in FACTORS]
    low, high = max(map(min, by_scheme)), min(map(max, by_scheme))
    if low > high:
        return None
    own = next(p.content for p in points if p.scheme == "default" and p.factor == 1.0)
    return min(max(own, low), high)


def report(points: Sequence[Point], seen: Sequence[Pair], unseen: Sequence[Pair], runs: Runs, out: Path) -> None:
    """Write the tables, the curves and the sheet."""
    curves, pictures = [], []
    for pair in (*seen, *unseen):
        own = [p for p in points if p.pair == pair.name]
        curves.append((pair.name, [_curve(scheme, own) for scheme in FACTORS]))
        nearest = [_nearest(scheme, own, compared_at(own)) for scheme in FACTORS]
        shown = [Image.open(runs.picture_file(p.scheme, pair, p.factor)) for p in nearest]
        pictures.append([thumbnail(pair.content, runs.size), thumbnail(pair.style, runs.size), *shown])
    (out / "images" / "quality").mkdir(parents=True, exist_ok=True)
    draw(curves).save(out / "images" / "quality" / "curves.png")
    page = sheet(pictures, columns=["content", "style", *FACTORS], rows=["" for _ in pictures])
    page.save(out / "images" / "quality" / "sheet.jpg", quality=82)
    text = _PAGE.format(
        compared=_compared(points, seen),
        unseen=_UNSEEN.format(compared=_compared(points, unseen)) if unseen else "",
        size=runs.size,
        steps=runs.steps,
        model=runs.model,
        machine=machine(),
        threads=torch.get_num_threads(),
    )
    (out / "internals" / "quality.md").write_text(text)


def _compared(points: Sequence[Point], pairs: Sequence[Pair]) -> str:
    """Return how often `default` is lowest, and the table."""
    rows, wins = [], 0
    for pair in pairs:
        own = [p for p in points if p.pair == pair.name]
        content = compared_at(own)
        styles = {s: at_content([p for p in own if p.scheme == s], content) if content else None for s in FACTORS}
        best = min((v for v in styles.values() if v is not None), default=None)
        wins += best is not None and styles["default"] == best
        rows.append([pair.name, _figure(content), *(_figure(value) for value in styles.values())])
    head = ["pair", "content distance", *(f"style, `{scheme}`" for scheme in FACTORS)]
    return f"`default` is lowest on {wins} of {len(pairs)} pairs.\n\n{markdown(head, rows)}"


def _curve(scheme: str, points: Sequence[Point]) -> Curve:
    return Curve(scheme, [(p.content, p.style) for p in points if p.scheme == scheme])


def _nearest(scheme: str, points: Sequence[Point], content: float | None) -> Point:
    """Return the scheme's point closest to a content distance; without one, that of the scheme's own style weight."""
    own = [p for p in points if p.scheme == scheme]
    return min(own, key=lambda p: abs(math.log(p.factor)) if content is None else abs(p.content - content))


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


_PAGE = """# Quality of `default`

How close does each preset come to the style, when all keep equally close to the content? The tables compare the style
distance at the same content distance (lower is better), at {size} px on `{model}` ([How pictures are
judged](judging.md)). Every preset gets as much work as {steps} steps of `default`: the same number of network
evaluations, weighted by pixels. Each preset runs with six style weights, and the tables interpolate between them.

{compared}
{unseen}
![Curves](../images/quality/curves.png)

From the six pictures of each preset, these are the ones closest to the content distance in the tables:

![Pictures](../images/quality/sheet.jpg)

Measured with `python -m bench.quality.compare` on {machine} (threads: {threads}).
"""

_UNSEEN = """
The layer weights of `default` were chosen on pairs with these paintings. The next table has paintings that were not
used for that:

{compared}
"""


if __name__ == "__main__":
    main()
