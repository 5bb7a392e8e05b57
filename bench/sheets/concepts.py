"""The pictures of docs/use/concepts.md: `python -m bench.sheets.concepts [NAME ...]`; without a name, all of them.

They are smaller than the sheets of `bench.sheets.gallery`, so that a laptop makes them in minutes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.sheets.gallery import make

SIZE, STEPS = 160, 100
FOLDER = Path(__file__).parents[2] / "docs" / "images" / "concepts"

# Arguments of `nst sweep`, by the name of the picture.
SHEETS = {
    "strength": "{cat} flow-strokes --over strength=0,0.25,0.5,0.75,1",
    "content-weight": "{cat} flow-strokes --init gaussian --steps 200 --over content_weight=0,0.02,0.1,0.5",
    "content-layers": "{cat} flow-strokes --init gaussian --style-weight 0 "
    "--over content_layers=relu1_1,relu2_1,relu3_1,relu4_1,relu5_1",
    "style-layers": '{cat} waves --strength 0.7 --over "style_layers=relu1_1;relu1_1,relu2_1;relu1_1,relu2_1,relu3_1;'
    'relu1_1,relu2_1,relu3_1,relu4_1,relu5_1"',
    "init": "{cat} flow-strokes --over init=content,style,gaussian,uniform",
    "steps": "{cat} flow-strokes --over steps=5,20,60,200",
    "scales": "{cat} stained-glass --strength 0.8 --over scales=1,2,3",
    "style-scale": "{cat} flow-strokes --over style_scale=0.35,0.6,1,1.6",
    "tv-weight": "{cat} pointillism --over tv_weight=0,10,50,200",
    "preserve-color": "{cat} waves --over preserve_color=none,luminance,linear",
    "style-blend": '{cat} waves stained-glass --over "style_blend=1,0;3,1;1,1;1,3;0,1"',
}


def main() -> None:
    """Make the pictures that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(SHEETS)}; default: all")
    options = parser.parse_args()
    for name, arguments in SHEETS.items():
        if not options.names or name in options.names:
            make(arguments, FOLDER / f"{name}.jpg", size=SIZE, steps=STEPS)


if __name__ == "__main__":
    main()
