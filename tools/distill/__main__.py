"""Train the shipped extractor `lite` to predict what larger networks compute.

    python -m tools.distill train --teachers WEIGHTS --data PICTURES... --minutes 100
    python -m tools.distill export

Progress is kept in the folder `train/`; the same command after an interruption goes on where it stopped. The
schedule follows the time trained, not steps, so that a busy machine cannot starve its end.
"""

import argparse
import time
from collections import defaultdict
from pathlib import Path

import torch

from nst_engine.networks.weights import write
from tools.distill.data import Pool, kept
from tools.distill.policy import own_pictures
from tools.distill.student import Student
from tools.distill.teachers import Teachers
from tools.distill.training import Recipe, Training

# These judge the result, so it must not have seen them.
HELD_OUT = {"starry_night", "great_wave", "tahiti", "edtaonisl"}
ABOUT = {
    "model": "lite",
    "teachers": "VGG-19's relu1_1, normalised (Simonyan and Zisserman; Gatys et al.; CC BY 4.0); "
    "SqueezeNet 1.1 (Iandola et al.; BSD-2-Clause)",
}
OWN_PICTURES = 160
SAVE_EVERY = 90  # seconds
REPORT_EVERY = 50  # steps


def train(training: Training, pool: Pool, teachers: Teachers, checkpoint: Path) -> None:
    """Go on until the recipe's time is used up."""
    if not training.variance:
        training.measure(pool, teachers)
    reports = []
    began = saved = time.monotonic()
    while training.done < 1:
        reports.append(training.step(training.lesson(pool, teachers)))
        if training.done > training.recipe.own_from and training.steps % training.recipe.own_every == 0:
            add_own_pictures(training, pool)
        now = time.monotonic()
        training.seconds, began = training.seconds + now - began, now
        if training.steps % REPORT_EVERY == 0:
            print(f"{training.seconds / 60:.1f} min, step {training.steps}: {summary(reports)}", flush=True)
            reports = []
        if now - saved > SAVE_EVERY:
            training.save(checkpoint)
            saved = now
    training.save(checkpoint)


def add_own_pictures(training: Training, pool: Pool) -> None:
    student = training.mean.module
    assert isinstance(student, Student)
    lite = student.folded().requires_grad_(False)
    for picture in own_pictures(lite, pool, training.steps // training.recipe.own_every):
        pool.add(picture, group=-1, most=OWN_PICTURES)


def summary(reports: list[dict[str, tuple[float, float]]]) -> str:
    """Print each target's mean unexplained variance / mean distance of Gram matrices."""
    found = defaultdict(list)
    for report in reports:
        for name, pair in report.items():
            found[name].append(pair)
    means = {name: torch.tensor(pairs).mean(0).tolist() for name, pairs in found.items()}
    return " ".join(f"{name} {feature:.3f}/{style:.3f}" for name, (feature, style) in means.items())


def export(training: Training, path: Path) -> None:
    """Write the averaged network as it ships: folded, float16, with its hash and its teachers."""
    student = training.mean.module
    assert isinstance(student, Student)
    write(path, {name: tensor.half() for name, tensor in student.folded().state_dict().items()}, ABOUT)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("train", "export"))
    parser.add_argument("--teachers", type=Path, default=Path("../shared/weights"), help="folder of safetensors")
    parser.add_argument("--data", type=Path, nargs="*", default=[Path("../shared/images/style")])
    parser.add_argument("--folder", type=Path, default=Path("train"), help="where checkpoint and pictures are kept")
    parser.add_argument("--output", type=Path, default=Path("nst_engine/weights/lite.safetensors"))
    parser.add_argument("--minutes", type=float, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def main() -> None:
    given = arguments()
    torch.set_num_threads(given.threads)
    torch.set_flush_denormal(True)
    training = Training(Recipe(minutes=given.minutes, seed=given.seed))
    checkpoint = given.folder / "lite.pt"
    if checkpoint.exists():
        training.restore(torch.load(checkpoint, weights_only=True))
    if given.task == "export":
        export(training, given.output)
        return
    given.folder.mkdir(parents=True, exist_ok=True)
    pictures = kept(given.folder / "pool.pt", given.data, procedural=280, seed=given.seed, without=HELD_OUT)
    # The seed moves with the steps: a resumed run must not see its first pictures again.
    pool = Pool([*pictures, []], given.seed + training.steps)
    train(training, pool, Teachers(given.teachers), checkpoint)


if __name__ == "__main__":
    main()
