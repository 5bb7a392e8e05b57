"""The strips of docs/use/concepts.md: `python -m bench.sheets.concepts [STRIP ...]`; all of them without an argument.

Smaller than the sheets of `bench.sheets.gallery`, so that a laptop makes them in minutes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.sheets.gallery import Sheet, make

SIZE, STEPS = 160, 100
FOLDER = Path(__file__).parents[2] / "docs" / "images" / "concepts"

STRIPS = (
    Sheet(
        name="strength",
        title="strength",
        text="From nearly the photo to nearly all style.",
        arguments="{cat} flow-strokes --over strength=0,0.25,0.5,0.75,1",
    ),
    Sheet(
        name="content-weight",
        title="content_weight",
        text="From noise: without a content loss only the style is left.",
        arguments="{cat} flow-strokes --init gaussian --steps 200 --over content_weight=0,0.02,0.1,0.5",
    ),
    Sheet(
        name="content-layers",
        title="content_layers",
        text="What each layer remembers of the photo: found from noise, without a style.",
        arguments="{cat} flow-strokes --init gaussian --style-weight 0 "
        "--over content_layers=relu1a,fire2,fire3,fire5,fire7",
    ),
    Sheet(
        name="style-layers",
        title="style_layers",
        text="Colours first, then strokes, then larger forms.",
        arguments='{cat} waves --strength 0.7 --over "style_layers=relu1a;relu1a,fire2;relu1a,fire2,fire3;'
        'relu1a,fire2,fire3,fire5,fire7"',
    ),
    Sheet(
        name="init",
        title="init",
        text="The same losses from four starts.",
        arguments="{cat} flow-strokes --over init=content,style,gaussian,uniform",
    ),
    Sheet(
        name="steps",
        title="steps",
        text="How the picture evolves.",
        arguments="{cat} flow-strokes --over steps=5,20,60,200",
    ),
    Sheet(
        name="scales",
        title="scales",
        text="One size alone, or coarse to fine.",
        arguments="{cat} stained-glass --strength 0.8 --over scales=1,2,3",
    ),
    Sheet(
        name="style-scale",
        title="style_scale",
        text="A smaller painting has finer strokes.",
        arguments="{cat} flow-strokes --over style_scale=0.35,0.6,1,1.6",
    ),
    Sheet(
        name="tv-weight",
        title="tv_weight",
        text="Total variation: more is smoother.",
        arguments="{cat} pointillism --over tv_weight=0,10,50,200",
    ),
    Sheet(
        name="preserve-color",
        title="preserve_color",
        text="The painting's colours, or the photo's by either way.",
        arguments="{cat} waves --over preserve_color=none,luminance,linear",
    ),
    Sheet(
        name="style-blend",
        title="style_blend",
        text="Two paintings at once.",
        arguments='{cat} waves stained-glass --over "style_blend=1,0;3,1;1,1;1,3;0,1"',
    ),
)


def main() -> None:
    """Make the strips asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [strip.name for strip in STRIPS]
    parser.add_argument("strips", nargs="*", metavar="STRIP", help=f"of {', '.join(names)}; default all")
    asked = parser.parse_args().strips
    for strip in STRIPS:
        if not asked or strip.name in asked:
            make(strip, picture(strip), size=SIZE, steps=STEPS)


def picture(strip: Sheet) -> Path:
    """Say where a strip's picture is."""
    return FOLDER / f"{strip.name}.jpg"


if __name__ == "__main__":
    main()
