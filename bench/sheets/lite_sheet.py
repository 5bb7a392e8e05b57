"""How good is `lite`, compared with SqueezeNet's features and with random ones?

    python -m bench.sheets.lite_sheet --weights DIR --content DIR --styles DIR \\
        --only starry_night,great_wave,tahiti,edtaonisl

    python -m bench.sheets.lite_sheet --weights DIR --pairs 3

Stylizes each pair with the preset `default` on three networks and measures the distances (`bench/quality/judge.py`).
With folders, writes the figures to docs/internals/lite-quality.md; without, on pictures of free licenses, the sheet
docs/images/lite.jpg.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from PIL import Image

from bench.quality.judge import Judge
from bench.quality.pictures import Pair, add_options, chosen_pairs, thumbnail
from bench.tables import machine, markdown
from cli.output.contact_sheet import sheet
from nst_engine import Network, StyleConfig, load_network, resolve
from nst_engine.networks.features import NetworkSpec, build_body
from nst_engine.tensors import to_picture

NETWORKS = ("lite", "squeezenet1_1", "random")


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The distances of one picture, by network and pair."""

    network: str
    pair: str
    style: float
    content: float

    def __str__(self) -> str:
        return f"{self.style:.3f} / {self.content:.2f}"


def main() -> None:
    """Run the comparison and write the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True, help="folder with the weights of the judge's networks")
    add_options(parser, pairs=9, size=256)
    parser.add_argument("--shown", type=int, default=6, help="pairs on the sheet, and of the random network")
    parser.add_argument("--folder", type=Path, default=Path("out/lite"), help="cache of the pictures")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    options = parser.parse_args()
    pairs = chosen_pairs(options)
    options.folder.mkdir(parents=True, exist_ok=True)
    judge = Judge(options.weights)
    found = []
    for index, pair in enumerate(pairs):
        for network in NETWORKS[: None if index < options.shown else 2]:
            score = judge.score(cached(network, pair, options), pair.content, pair.style)
            found.append(Figures(network=network, pair=pair.name, style=score.style, content=score.content))
            print(json.dumps(asdict(found[-1])), flush=True)
    if options.content:
        report(found, pairs, options)
    else:
        show(pairs, options)


def cached(name: str, pair: Pair, options: argparse.Namespace) -> Image.Image:
    """Return a picture from the cache, or make it."""
    file: Path = options.folder / f"{name}_{pair.stem}_{options.size}.png"
    if not file.exists():
        config = resolve("default", {"model": "lite" if name == "random" else name, "max_size": options.size})
        if name == "random":
            network = untrained(config)
        else:
            network = load_network(config, weights_dir=None if name == "lite" else options.weights)
        to_picture(pair.stylize(config, network).image()).save(file)
    return Image.open(file).convert("RGB")


def untrained(config: StyleConfig) -> Network:
    """Return the architecture of `lite` with random weights."""
    torch.manual_seed(0)
    body = build_body(NetworkSpec.of(config)).to_empty(device="cpu").requires_grad_(False)
    for module in body.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                torch.nn.init.zeros_(module.bias)
    return Network(body)


def report(found: list[Figures], pairs: list[Pair], options: argparse.Namespace) -> None:
    """Write the table."""
    cells = {(figures.network, figures.pair): str(figures) for figures in found}
    rows = [[pair.name, *(cells.get((network, pair.name), "–") for network in NETWORKS)] for pair in pairs]
    means = (str(mean([figures for figures in found if figures.network == network])) for network in NETWORKS)
    table = markdown(["pair", *(f"`{network}` style / content" for network in NETWORKS)], [*rows, ["**mean**", *means]])
    page = _PAGE.format(table=table, size=options.size, machine=machine(), threads=torch.get_num_threads())
    (options.out / "internals" / "lite-quality.md").write_text(page)


def show(pairs: list[Pair], options: argparse.Namespace) -> None:
    """Write the sheet."""
    pictures = [
        [
            thumbnail(pair.content, options.size),
            thumbnail(pair.style, options.size),
            *(cached(network, pair, options) for network in NETWORKS),
        ]
        for pair in pairs[: options.shown]
    ]
    page = sheet(pictures, columns=["content", "style", *NETWORKS], rows=["" for _ in pictures])
    (options.out / "images").mkdir(parents=True, exist_ok=True)
    page.save(options.out / "images" / "lite.jpg", quality=80)


def mean(found: list[Figures]) -> Figures:
    """Return the mean of one network's figures."""
    style, content = (sum(getattr(f, name) for f in found) / len(found) for name in ("style", "content"))
    return Figures(network=found[0].network, pair="mean", style=style, content=content)


_PAGE = """# Quality of `lite`

Style and content distance on three networks: `lite`, SqueezeNet, and the architecture of `lite` with random weights.
Lower is closer. Each picture was made with the preset `default`, a longest side of {size} px and the same seed. The
distances use layers of VGG-19 and SqueezeNet (`bench/quality/judge.py`). None of these paintings and photos was used
in training.

Measured with `python -m bench.sheets.lite_sheet` on {machine} (threads: {threads}). The random network was
not run on every pair (–).

{table}
"""


if __name__ == "__main__":
    main()
