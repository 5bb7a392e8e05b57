"""Train the bundled feature extractor `lite` to predict the features of larger networks.

    python -m tools.distill train --teachers WEIGHTS --data PICTURES... --minutes 100
    python -m tools.distill export

The folder `train/` keeps the progress; after an interruption, the same command continues. The schedule follows the time
spent on training, not the steps, so that a busy machine does not cut off its end.
"""

import argparse
from pathlib import Path

import torch

from tools.distill.data import HELD_OUT, ImagePool, load_or_collect
from tools.distill.export import export
from tools.distill.loop import train
from tools.distill.teachers import Teachers
from tools.distill.training import Training, TrainingConfig

PROCEDURAL = 280


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.distill", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", choices=("train", "export"))
    parser.add_argument("--teachers", type=Path, default=Path("../shared/weights"), help="folder of safetensors")
    parser.add_argument("--data", type=Path, nargs="*", default=[Path("../shared/images/style")])
    parser.add_argument("--folder", type=Path, default=Path("train"), help="folder of the checkpoint and the pictures")
    parser.add_argument("--output", type=Path, default=Path("nst_engine/weights/lite.safetensors"))
    parser.add_argument("--minutes", type=float, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def main() -> None:
    """Train, or export what was trained."""
    options = arguments()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    training = Training(TrainingConfig(minutes=options.minutes, seed=options.seed))
    checkpoint = options.folder / "lite.pt"
    if checkpoint.exists():
        training.restore(torch.load(checkpoint, weights_only=True))
    if options.task == "export":
        export(training.averaged_student, options.output)
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    cache = options.folder / "pool.pt"
    pictures = load_or_collect(cache, options.data, procedural=PROCEDURAL, seed=options.seed, without=HELD_OUT)
    # The seed moves with the steps, so that a resumed run does not draw its first pictures again.
    pool = ImagePool([*pictures, []], options.seed + training.steps)
    train(training, pool, Teachers(options.teachers), checkpoint)


if __name__ == "__main__":
    main()
