"""Do a small preview and the large final agree? `python -m bench.quality.sizes [--content FILE --style FILE]`

Makes one pair with `default` at two sizes, brings both pictures to 128 px and prints the mean absolute difference of
their pixels, in [0, 1], as a line of JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

from bench.quality.pictures import pairs
from nst_engine import load_network, resolve, stylize
from nst_engine.tensors import to_picture, to_tensor

COMPARED = 128  # longest side, px


def main() -> None:
    """Make the pictures and print how far they are apart."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--content", type=Path, help="a photo of at least the larger size; else one of scikit-image's")
    parser.add_argument("--style", type=Path, help="a painting; else a built-in one")
    parser.add_argument("--sizes", type=int, nargs=2, default=[512, 1024], help="longest sides, px")
    parser.add_argument("--keep", type=Path, help="folder for the pictures")
    asked = parser.parse_args()
    own = pairs(None, None, count=1)[0]
    content = Image.open(asked.content).convert("RGB") if asked.content else own.content
    style = Image.open(asked.style).convert("RGB") if asked.style else own.style
    made = [paint(content, style, size) for size in asked.sizes]
    if asked.keep:
        asked.keep.mkdir(parents=True, exist_ok=True)
        for size, picture in zip(asked.sizes, made, strict=True):
            picture.save(asked.keep / f"{size}.png")
    print(json.dumps({"sizes": [max(picture.size) for picture in made], "difference": difference(*made)}))


def paint(content: Image.Image, style: Image.Image, size: int) -> Image.Image:
    """Make the pair with `default` at a size."""
    config = resolve("default", {"max_size": size})
    *_, last = stylize(to_tensor(content), [to_tensor(style)], config, network=load_network(config))
    return to_picture(last.image())


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return the mean absolute difference of two pictures, brought to the first one's shape at 128 px."""
    ratio = COMPARED / max(one.size)
    size = (round(one.width * ratio), round(one.height * ratio))
    a, b = (
        np.asarray(picture.resize(size, Image.Resampling.LANCZOS), dtype=np.float64) / 255 for picture in (one, other)
    )
    return float(np.abs(a - b).mean())


if __name__ == "__main__":
    main()
