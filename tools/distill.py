"""Train the shipped extractor `lite` to predict what larger networks compute.

    python -m tools.distill train --teachers WEIGHTS --data PICTURES... --minutes 100
    python -m tools.distill export

Progress is kept in the folder `train/`; the same command after an interruption goes on where it stopped. The
schedule follows the time trained, not steps, so that a busy machine cannot starve its end.
"""

import argparse
import math
import time
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from nst_engine.lite import HEADS, TRUNK, Lite
from tools.distill_data import Pool, collect
from tools.distill_teachers import TARGETS, VGG, VGG1_WINDOW, Teachers, inner, normalise, style_distance, unexplained

HELD_OUT = {"starry_night", "great_wave", "tahiti", "edtaonisl"}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    minutes: float = 100
    rate: float = 2e-3
    batch: int = 8
    seen_by_vgg: int = 3
    size: int = 128
    gram: float = 1.0
    seed: int = 0
    average: float = 0.998
    start: str = "1a"


class Student(nn.Module):
    """The network in training: `Lite` with batch normalisation, and a head for every target."""

    def __init__(self) -> None:
        super().__init__()
        self.lite = Lite()
        for name, (inputs, outputs, stride, padding) in TRUNK.items():
            mode = getattr(self.lite, f"conv{name}").padding_mode
            conv = nn.Conv2d(inputs, outputs, 3, stride, padding, padding_mode=mode, bias=False)
            nn.init.kaiming_normal_(conv.weight)
            setattr(self.lite, f"conv{name}", nn.Sequential(conv, nn.BatchNorm2d(outputs)))
        extra = [name for name in TARGETS if name not in HEADS]
        self.extra = nn.ModuleDict(
            {name: nn.Conv2d(TRUNK[TARGETS[name].source][1], TARGETS[name].channels, 1) for name in extra}
        )

    def forward(self, images: Tensor, seen_by_vgg: int, start: str) -> dict[str, Tensor]:
        """Return the predictions of every target that reads layer `start` or a deeper one.

        What lies above `start` stays as it is: no gradient, no moving of the batch statistics.
        """
        names = tuple(TRUNK)
        cut = names.index(start)
        with torch.no_grad():
            kept = self.lite.trunk(images, names[:cut])
        layers = self.lite.trunk(kept[f"relu{names[cut - 1]}"] if cut else images, names[cut:])
        return {
            name: self.predict(name, layers[f"relu{target.source}"], seen_by_vgg)
            for name, target in TARGETS.items()
            if f"relu{target.source}" in layers
        }

    def predict(self, name: str, features: Tensor, seen_by_vgg: int) -> Tensor:
        if name in self.extra:
            return self.extra[name](features).relu()
        if name in VGG:
            features = features[:seen_by_vgg]
        return self.lite.head(name, features[..., :VGG1_WINDOW, :VGG1_WINDOW] if name == "vgg1" else features)

    def hold(self, start: str) -> None:
        """Keep the batch statistics above `start` as they are."""
        self.train()
        names = tuple(TRUNK)
        for name in names[: names.index(start)]:
            getattr(self.lite, f"conv{name}").eval()

    def folded(self) -> Lite:
        """Return the network as it ships, batch normalisation folded into the convolutions."""
        lite = Lite().eval()
        self.eval()
        for name in TRUNK:
            conv, norm = getattr(self.lite, f"conv{name}")
            setattr(lite, f"conv{name}", fuse_conv_bn_eval(conv, norm))
        for head in HEADS:
            setattr(lite, f"predict_{head}", getattr(self.lite, f"predict_{head}"))
        return lite


class Training:
    """Everything that a checkpoint holds."""

    def __init__(self, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.student = Student().to(memory_format=torch.channels_last)
        self.mean = torch.optim.swa_utils.AveragedModel(self.student, avg_fn=self.averaged, use_buffers=True)
        self.optimiser = torch.optim.AdamW(self.student.parameters(), lr=recipe.rate, weight_decay=1e-4)
        self.variance: dict[str, Tensor] = {}
        self.seconds, self.steps = 0.0, 0

    def averaged(self, mean: Tensor, new: Tensor, count: Tensor | int) -> Tensor:
        """Average exponentially, over a window that starts short: the first weights are not worth keeping."""
        share = max(1 - self.recipe.average, 9 / (10 + self.steps))
        return mean + share * (new - mean) if mean.is_floating_point() else new

    def measure(self, pool: Pool, teachers: Teachers) -> None:
        """Fix each target's scale: its variance over a first draw."""
        found = teachers.features(normalise(pool.batch(48, self.recipe.size + 1)), 16)
        self.variance = {name: f.var() for name, f in found.items()}

    def rate(self) -> float:
        done = min(self.seconds / 60 / self.recipe.minutes, 1)
        return self.recipe.rate * min(self.steps / 200, 1) * (0.004 + 0.996 * (1 + math.cos(math.pi * done)) / 2)

    def step(self, pool: Pool, teachers: Teachers) -> dict[str, tuple[float, float]]:
        images = normalise(pool.batch(self.recipe.batch, self.recipe.size + 1))
        images = images.contiguous(memory_format=torch.channels_last)
        wanted = teachers.features(images, self.recipe.seen_by_vgg)
        found = self.student(images[..., :-1, :-1], self.recipe.seen_by_vgg, self.recipe.start)
        total, report = torch.zeros(()), {}
        for name in found:
            pair = inner(name, found[name], wanted[name] / self.variance[name].sqrt())
            feature = unexplained(*pair)
            style = style_distance(*pair) if name in HEADS else torch.zeros(())
            total = total + feature + self.recipe.gram * style
            report[name] = (feature.item(), style.item())
        self.optimiser.param_groups[0]["lr"] = self.rate()
        self.optimiser.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(self.student.parameters(), 5.0)
        self.optimiser.step()
        self.mean.update_parameters(self.student)
        self.steps += 1
        return report

    def state(self) -> dict[str, object]:
        parts = {name: getattr(self, name).state_dict() for name in ("student", "mean", "optimiser")}
        return parts | {"variance": self.variance, "seconds": self.seconds, "steps": self.steps}

    def restore(self, state: dict[str, object]) -> None:
        for name in ("student", "mean", "optimiser"):
            getattr(self, name).load_state_dict(state[name])
        self.variance, self.seconds, self.steps = state["variance"], state["seconds"], state["steps"]


def train(training: Training, pool: Pool, teachers: Teachers, checkpoint: Path) -> None:
    if not training.variance:
        training.measure(pool, teachers)
    training.student.hold(training.recipe.start)
    sums: dict[str, Tensor] = {}
    began = saved = time.monotonic()
    while training.seconds < training.recipe.minutes * 60:
        for name, pair in training.step(pool, teachers).items():
            sums[name] = sums.get(name, torch.zeros(2)) + torch.tensor(pair)
        now = time.monotonic()
        training.seconds, began = training.seconds + now - began, now
        if training.steps % 100 == 0:
            line = " ".join(f"{n} {s[0] / 100:.3f}/{s[1] / 100:.3f}" for n, s in sums.items())
            print(f"{training.seconds / 60:.1f} min, step {training.steps}: {line}", flush=True)
            sums = {}
        if now - saved > 90:
            save(training, checkpoint)
            saved = now
    save(training, checkpoint)


def save(training: Training, checkpoint: Path) -> None:
    """Write beside and rename, so that an interruption leaves the last good one."""
    fresh = checkpoint.with_suffix(".new")
    torch.save(training.state(), fresh)
    fresh.replace(checkpoint)


def export(training: Training, path: Path) -> None:
    """Write the averaged network as it ships: folded, float16."""
    student = training.mean.module
    assert isinstance(student, Student)
    tensors = student.folded().state_dict()
    save_file({name: t.half().contiguous() for name, t in tensors.items()}, path)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("train", "export"))
    parser.add_argument("--teachers", type=Path, default=Path("../shared/weights"))
    parser.add_argument("--data", type=Path, nargs="*", default=[Path("../shared/images/style")])
    parser.add_argument("--checkpoint", type=Path, default=Path("train/lite.pt"))
    parser.add_argument("--output", type=Path, default=Path("nst_engine/weights/lite.safetensors"))
    parser.add_argument("--minutes", type=float, default=100)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seen-by-vgg", type=int, default=3)
    parser.add_argument("--start", choices=tuple(TRUNK), default="1a", help="first layer to train; those above stay")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--gram", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def main() -> None:
    given = arguments()
    torch.set_num_threads(given.threads)
    torch.set_flush_denormal(True)
    recipe = Recipe(**{field.name: getattr(given, field.name) for field in fields(Recipe) if field.name in given})
    training = Training(recipe)
    if given.checkpoint.exists():
        training.restore(torch.load(given.checkpoint, weights_only=True))
    if given.task == "export":
        export(training, given.output)
        return
    given.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    # The seed moves with the steps: a resumed run must not see its first pictures again.
    pool = collect(given.data, procedural=280, seed=given.seed, without=HELD_OUT)
    pool.reseed(given.seed + training.steps)
    train(training, pool, Teachers(given.teachers), given.checkpoint)


if __name__ == "__main__":
    main()
