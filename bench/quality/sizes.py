"""Do a small preview and the large final agree? `python -m bench.quality.sizes`

Stylizes a pair with `default` at two sizes, scales both pictures to 128 px and prints the mean absolute difference of
their pixels, in [0, 1], as a line of JSON.
"""

from __future__ import annotations

import argparse
import json

import numpy as np

from bench.quality.pictures import add_options, chosen_pairs, thumbnail
from nst_engine import load_network, resolve
from nst_engine.tensors import to_picture

COMPARED = 128  # longest side, px


def main() -> None:
    """Print the difference for each pair."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_options(parser, pairs=1, size=512)
    parser.add_argument("--larger", type=int, default=1024, help="the other longest side in pixels")
    options = parser.parse_args()
    configs = [resolve("default", {"max_size": size}) for size in (options.size, options.larger)]
    for pair in chosen_pairs(options):
        one, other = (
            thumbnail(to_picture(pair.stylize(config, load_network(config)).image()), COMPARED) for config in configs
        )
        pixels = (np.asarray(picture.resize(one.size), dtype=np.float64) / 255 for picture in (one, other))
        print(json.dumps({"pair": pair.name, "difference": float(np.abs(np.subtract(*pixels)).mean())}), flush=True)


if __name__ == "__main__":
    main()
