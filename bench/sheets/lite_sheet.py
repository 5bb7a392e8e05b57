"""How good is `lite`, next to SqueezeNet's features and to random ones?

    python -m bench.sheets.lite_sheet --weights DIR --content DIR --styles DIR \\
        --only starry_night,great_wave,tahiti,edtaonisl

    python -m bench.sheets.lite_sheet --weights DIR --pairs 3

Makes each pair with the preset `default` on three networks that differ in nothing else and judges the pictures
(bench/quality/judge.py). With folders, writes the figures to docs/internals/lite-quality.md; without, on pictures
that may be passed on, the sheet docs/images/lite.jpg.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from PIL import Image
from torchvision.models.feature_extraction import create_feature_extractor

from bench.quality.judge import Judge
from bench.quality.pictures import Pair, pairs
from bench.tables import machine, markdown
from cli.contact_sheet import sheet
from nst_engine import Network, StyleConfig, load_network, resolve, stylize
from nst_engine.networks.features import NetworkSpec
from nst_engine.networks.lite import Lite
from nst_engine.tensors import to_picture, to_tensor

NETWORKS = ("lite", "squeezenet1_1", "random")


@dataclass(frozen=True, kw_only=True)
class Made:
    """One picture's judged distances, by network and pair."""

    network: str
    pair: str
    style: float
    content: float


def main() -> None:
    """Run the comparison and write the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True, help="folder with SqueezeNet's and VGG-19's weights")
    parser.add_argument("--content", type=Path, help="folder of photos; else scikit-image's")
    parser.add_argument("--styles", type=Path, help="folder of paintings; else the built-in styles")
    parser.add_argument("--only", help="names of the paintings to take, with commas")
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--shown", type=int, default=6, help="pairs on the sheet; the random network makes no others")
    parser.add_argument("--folder", type=Path, default=Path("out/lite"), help="where pictures are kept and found again")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    asked = parser.parse_args()
    chosen = pairs(asked.content, asked.styles, count=asked.pairs, only=asked.only.split(",") if asked.only else None)
    asked.folder.mkdir(parents=True, exist_ok=True)
    judge = Judge(asked.weights)
    made = []
    for index, pair in enumerate(chosen):
        for name in asked.networks.split(",")[: None if index < asked.shown else 2]:
            picture = kept(name, pair, size=asked.size, weights=asked.weights, folder=asked.folder)
            score = judge.score(picture, pair.content, pair.style)
            made.append(Made(network=name, pair=pair.name, style=score.style, content=score.content))
            print(json.dumps(asdict(made[-1])), flush=True)
    if asked.content:
        report(made, chosen, asked)
    else:
        show(chosen, asked)


def kept(name: str, pair: Pair, *, size: int, weights: Path, folder: Path) -> Image.Image:
    """Return a picture from the folder, or make it."""
    file = folder / f"{name}_{pair.name.replace(' + ', '_')}_{size}.png"
    if not file.exists():
        paint(name, pair, size=size, weights=weights).save(file)
    return Image.open(file).convert("RGB")


def paint(name: str, pair: Pair, *, size: int, weights: Path) -> Image.Image:
    config = resolve("default", {"model": "lite" if name == "random" else name, "max_size": size})
    if name == "random":
        network = untrained(config)
    else:
        network = load_network(config, weights_dir=None if name == "lite" else weights)
    *_, last = stylize(to_tensor(pair.content), [to_tensor(pair.style)], config, network=network)
    return to_picture(last.image())


def untrained(config: StyleConfig) -> Network:
    """Return `lite` with the weights that its training starts from."""
    torch.manual_seed(0)
    lite = Lite().eval().requires_grad_(False)
    for module in lite.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    return Network(create_feature_extractor(lite, {layer: layer for layer in NetworkSpec.of(config).layers}))


def report(made: list[Made], chosen: list[Pair], asked: argparse.Namespace) -> None:
    """Write the table."""
    names = asked.networks.split(",")
    found = {(m.network, m.pair): m for m in made}
    rows = [[pair.name, *(_figures(found.get((name, pair.name))) for name in names)] for pair in chosen]
    rows.append(["**mean**", *(_figures(mean([m for m in made if m.network == name])) for name in names)])
    head = ["pair", *(f"`{name}` style / content" for name in names)]
    (asked.out / "internals" / "lite-quality.md").write_text(
        _PAGE.format(table=markdown(head, rows), size=asked.size, machine=machine(), threads=torch.get_num_threads())
    )


def show(chosen: list[Pair], asked: argparse.Namespace) -> None:
    """Write the sheet."""
    names, pictures = asked.networks.split(","), []
    for pair in chosen[: asked.shown]:
        images = [kept(name, pair, size=asked.size, weights=asked.weights, folder=asked.folder) for name in names]
        pictures.append([_thumbnail(pair.content, asked.size), _thumbnail(pair.style, asked.size), *images])
    page = sheet(pictures, columns=["content", "style", *names], rows=["" for _ in pictures])
    (asked.out / "images").mkdir(parents=True, exist_ok=True)
    page.save(asked.out / "images" / "lite.jpg", quality=80)


def mean(made: list[Made]) -> Made:
    """Return the mean of one network's figures."""
    count = len(made)
    style, content = sum(m.style for m in made) / count, sum(m.content for m in made) / count
    return Made(network=made[0].network, pair="mean", style=style, content=content)


def _figures(made: Made | None) -> str:
    return f"{made.style:.3f} / {made.content:.2f}" if made else "–"


def _thumbnail(image: Image.Image, size: int) -> Image.Image:
    small = image.convert("RGB")
    small.thumbnail((size, size), Image.Resampling.LANCZOS)
    return small


_PAGE = """# Quality of `lite`

Style and content distance on three networks: `lite`, SqueezeNet, and the architecture of `lite` with random weights.
Lower is closer. Each picture has the preset `default`, a longest side of {size} px and the same seed. The distances
use layers of VGG-19 and SqueezeNet (`bench/quality/judge.py`). No painting or photo here was used in training.

Measured with `python -m bench.sheets.lite_sheet` on {machine} (threads: {threads}). The random network painted only
the first pairs.


{table}

"""


if __name__ == "__main__":
    main()
