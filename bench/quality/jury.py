"""Blind comparison of pictures by eye.

    python -m bench.quality.jury paint VOTE.json OUT --content DIR --styles DIR
    python -m bench.quality.jury lay VOTE.json OUT --content DIR --styles DIR
    python -m bench.quality.jury add VOTE.json JUROR.json [JUROR.json ...]
    python -m bench.quality.jury count VOTE.json [VOTE.json ...]
    python -m bench.quality.jury numbers VOTE.json OUT --content DIR --styles DIR
    python -m bench.quality.jury sheet VOTE.json OUT --content DIR --styles DIR

A vote is one file (bench/votes/*.json). It begins as a plan:

    {"seed": 1, "size": 384, "pairs": {"lion-wave": ["lion", "great_wave"]},
     "systems": {"w2": {"preset": "multiscale-w2", "model": "vgg16-edges"}, "other": null}, "versus": [["w2", "other"]]}

`paint` makes the pictures OUT/PAIR--SYSTEM.png that are missing, from files in the two folders that have the names in
the plan; a system that is null is painted elsewhere. It also looks for weights in NST_WEIGHTS_DIR. `lay` makes the
ballots, with photo and painting on top and two results below, on sides drawn by lot, and writes the key into the vote,
which a juror must not see. `add` takes the votes of a juror, {"001": "A", "002": "B", "003": "="}. `count` prints the
share of votes that the first of two systems got, where a tie is half a vote, with its 95 % interval. `numbers` prints
the six numbers of bench/quality/judge.py for each system, as means over the pairs. `sheet` lays photo, painting and
results side by side in OUT/sheet.jpg.

A juror knows neither the systems nor what anyone hopes for, and is asked: "Which of the two is the better picture of
this photo painted by the hand that made this painting? Look for real strokes and forms of the painting, colors laid as
the painter would, the photo's subject still readable; against noise, crinkles, blocks, dirt, or a photo behind a
filter."
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from PIL import Image, ImageDraw
from pydantic import BaseModel, ConfigDict, model_validator

from bench.quality.judge import Judge, Score
from bench.quality.pictures import SUFFIXES, Pair, thumbnail
from bench.tables import markdown
from cli.output.contact_sheet import sheet
from nst_engine import load_network, resolve
from nst_engine.images.reading import read_picture
from nst_engine.tensors import to_picture

SIDE, GAP, LINE = 560, 8, 16  # of a ballot, in pixels: side of the results, gap, height of a line of text
HALF = 0.5


class Ballot(BaseModel):
    """Whose pictures a juror sees, in the key."""

    model_config = ConfigDict(frozen=True)

    pair: str
    A: str
    B: str


class Vote(BaseModel):
    """A plan, the key of its ballots, and the votes of each juror by ballot."""

    model_config = ConfigDict(extra="forbid")

    seed: int
    size: int
    pairs: dict[str, tuple[str, str]]  # names of photo and painting
    systems: dict[str, dict[str, Any] | None]  # preset and parameters
    versus: list[tuple[str, str]] = []  # every two systems, if empty
    key: dict[str, Ballot] = {}
    votes: list[dict[str, Literal["A", "B", "="]]] = []

    @model_validator(mode="after")
    def check_names(self) -> Vote:
        """Refuse votes on ballots that there are not, and systems that are not in the plan."""
        if unknown := {number for juror in self.votes for number in juror} - set(self.key):
            raise ValueError(f"there is no ballot {', '.join(sorted(unknown))}")
        if unknown := {name for two in self.versus for name in two} - set(self.systems):
            raise ValueError(f"there is no system {', '.join(sorted(unknown))}")
        return self

    def draw(self) -> dict[str, Ballot]:
        """Return the key: every comparison of every pair, in an order and on sides drawn by lot."""
        lots = random.Random(self.seed)
        twos = self.versus or list(itertools.combinations(self.systems, 2))
        sides = [(pair, lots.sample(two, 2)) for pair in self.pairs for two in twos]
        drawn = [Ballot(pair=pair, A=left, B=right) for pair, (left, right) in sides]
        lots.shuffle(drawn)
        return {f"{number:03}": ballot for number, ballot in enumerate(drawn, 1)}

    def counts(self) -> dict[tuple[str, str], tuple[float, int]]:
        """Return for two systems, in alphabetical order, what the first got and the number of votes."""
        won, total = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
        for juror in self.votes:
            for number, choice in juror.items():
                ballot = self.key[number]
                first, second = sorted((ballot.A, ballot.B))
                total[first, second] += 1
                chosen = None if choice == "=" else getattr(ballot, choice)
                won[first, second] += HALF if chosen is None else chosen == first
        return {two: (won[two], total[two]) for two in sorted(total)}


def wilson(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    middle, square = share + z * z / (2 * count), z * z / count
    half = z * math.sqrt(share * (1 - share) / count + square / (4 * count))
    return (middle - half) / (1 + square), (middle + half) / (1 + square)


def paint(vote: Vote, out: Path, content: Path, styles: Path) -> Iterator[Path]:
    """Make the pictures that are missing, and yield their paths."""
    out.mkdir(parents=True, exist_ok=True)
    for (name, files), (system, values) in itertools.product(vote.pairs.items(), vote.systems.items()):
        path = out / f"{name}--{system}.png"
        if values is None or path.exists():
            continue
        parameters = {"max_size": vote.size, **values}
        config = resolve(parameters.pop("preset", "default"), parameters)
        pair = Pair(name, *(read_picture(file) for file in _files(files, content, styles)))
        network = load_network(config, weights_dir=os.environ.get("NST_WEIGHTS_DIR"))
        to_picture(pair.stylize(config, network).image()).save(path)
        yield path


def lay(vote: Vote, out: Path, content: Path, styles: Path) -> None:
    """Write the ballots to the folder `ballots`, and the key into the vote."""
    folder = out / "ballots"
    folder.mkdir(parents=True, exist_ok=True)
    vote.key = vote.draw()
    for number, ballot in vote.key.items():
        above = [read_picture(file) for file in _files(vote.pairs[ballot.pair], content, styles)]
        below = [read_picture(out / f"{ballot.pair}--{system}.png") for system in (ballot.A, ballot.B)]
        ballot_page(above, below).save(folder / f"{number}.png")


def ballot_page(above: list[Image.Image], below: list[Image.Image]) -> Image.Image:
    """Return a ballot: photo and painting, and under them the results A and B, at twice their size."""
    rows = [[_fitted(p, SIDE // 2) for p in above], [_fitted(p, SIDE) for p in below]]
    heights = [max(p.height for p in row) + LINE + GAP for row in rows]
    page = Image.new("RGB", (2 * SIDE + 3 * GAP, sum(heights) + GAP), "white")
    draw, top = ImageDraw.Draw(page), 0
    for row, height, titles in zip(rows, heights, (("photo", "painting"), "AB"), strict=True):
        for index, (picture, title) in enumerate(zip(row, titles, strict=True)):
            left = GAP + index * (SIDE + GAP)
            draw.text((left, top), title, fill="black")
            page.paste(picture, (left, top + LINE))
        top += height
    return page


def numbers(vote: Vote, out: Path, content: Path, styles: Path) -> str:
    """Return a Markdown table of the six numbers: a row for each system, the means over the pairs."""
    judge = Judge(Path(os.environ["NST_WEIGHTS_DIR"]))
    rows = []
    for system in vote.systems:
        scores = [
            judge.score(read_picture(out / f"{name}--{system}.png"), *map(read_picture, _files(files, content, styles)))
            for name, files in vote.pairs.items()
        ]
        means = {field: fmean(getattr(score, field) for score in scores) for field in Score.__annotations__}
        rows.append([f"`{system}`", *(f"{mean:.3f}" for mean in means.values())])
    return markdown(["system", *(f"`{field}`" for field in Score.__annotations__)], rows)


def contact_sheet(vote: Vote, out: Path, content: Path, styles: Path) -> Image.Image:
    """Return photo, painting and results side by side: a row for each pair."""
    paths = [
        [*_files(files, content, styles), *(out / f"{name}--{system}.png" for system in vote.systems)]
        for name, files in vote.pairs.items()
    ]
    rows = [[thumbnail(read_picture(path), vote.size) for path in row] for row in paths]
    return sheet(rows, columns=["photo", "painting", *vote.systems], rows=[""] * len(rows))


def _files(names: tuple[str, str], *folders: Path) -> Iterator[Path]:
    for name, folder in zip(names, folders, strict=True):
        yield next(path for path in sorted(folder.iterdir()) if path.stem == name and path.suffix.lower() in SUFFIXES)


def _fitted(picture: Image.Image, side: int) -> Image.Image:
    ratio = side / max(picture.size)
    size = (round(picture.width * ratio), round(picture.height * ratio))
    return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def _read(path: Path) -> Vote:
    return Vote.model_validate_json(path.read_text())


def _write(path: Path, vote: Vote) -> None:
    path.write_text(json.dumps(vote.model_dump(), indent=1) + "\n")


def main() -> None:
    """Run one of the commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("paint", "lay", "numbers", "sheet"):
        command = commands.add_parser(name)
        for argument in ("vote", "out"):
            command.add_argument(argument, type=Path)
        for option in ("--content", "--styles"):
            command.add_argument(option, type=Path, required=True)
    for name, files in (("add", "jurors"), ("count", "more")):
        command = commands.add_parser(name)
        command.add_argument("vote", type=Path)
        command.add_argument(files, type=Path, nargs="+" if name == "add" else "*")
    options = parser.parse_args()
    run(options)


def run(options: argparse.Namespace) -> None:
    """Run a command."""
    vote = _read(options.vote)
    match options.command:
        case "paint":
            for path in paint(vote, options.out, options.content, options.styles):
                print(path, flush=True)
        case "lay":
            lay(vote, options.out, options.content, options.styles)
            _write(options.vote, vote)
        case "numbers":
            print(numbers(vote, options.out, options.content, options.styles))
        case "sheet":
            page = contact_sheet(vote, options.out, options.content, options.styles)
            page.save(options.out / "sheet.jpg", quality=85)
        case "add":
            added = [json.loads(path.read_text()) for path in options.jurors]
            _write(options.vote, Vote.model_validate(vote.model_dump() | {"votes": [*vote.votes, *added]}))
        case "count":
            for path in (options.vote, *options.more):
                for (first, second), (won, count) in _read(path).counts().items():
                    low, high = wilson(won / count, count)
                    share = f"{won:g} of {count} = {won / count:.0%} ({low:.0%} to {high:.0%})"
                    print(f"{path.stem}: {first} over {second}: {share}")


if __name__ == "__main__":
    main()
