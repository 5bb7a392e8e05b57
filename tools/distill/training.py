"""One training: its recipe, its state, its step, its checkpoint."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tools.distill.data import Pool
from tools.distill.muon import Muon
from tools.distill.student import Student
from tools.distill.teachers import JUDGED, Teachers, normalise, style_distance, unexplained


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The numbers of a training; shares are of its time."""

    minutes: float = 100
    muon_rate: float = 0.02  # of the kernels
    rate: float = 3e-3  # of all else, by Adam
    batch: int = 8
    size: int = 192
    gram: float = 1.0
    average: float = 0.996
    taught: float = 0.9  # share of the time in which each block starts from the teacher's features, not the student's
    own_from: float = 0.5  # from then on, pictures that the student makes join the pool
    own_every: int = 120  # steps
    seed: int = 0


@dataclass(frozen=True)
class Lesson:
    """A batch of normalised images, and what the teachers make of it."""

    images: Tensor  # (B, 3, S, S)
    wanted: dict[str, Tensor]


PARTS = ("student", "mean", "muon", "adam")


class Training:
    """Everything that a checkpoint holds, and one step of it."""

    def __init__(self, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.student = Student().to(memory_format=torch.channels_last)
        self.mean = torch.optim.swa_utils.AveragedModel(self.student, avg_fn=self.averaged, use_buffers=True)
        kernels, rest = self.student.parts()
        self.muon = Muon(kernels, lr=recipe.muon_rate)
        self.adam = torch.optim.Adam(rest, lr=recipe.rate)
        self.student.train()
        self.variance: dict[str, Tensor] = {}
        self.seconds, self.steps = 0.0, 0

    def averaged(self, mean: Tensor, new: Tensor, _: Tensor | int) -> Tensor:
        """Average exponentially, over a window that starts short: the first weights are not worth keeping."""
        share = max(1 - self.recipe.average, 9 / (10 + self.steps))
        return mean + share * (new - mean) if mean.is_floating_point() else new

    @property
    def done(self) -> float:
        return min(self.seconds / 60 / self.recipe.minutes, 1)

    @property
    def pace(self) -> float:
        """Warm up for 100 steps, then fall from 1 as a cosine of the time."""
        return min(self.steps / 100, 1) * (0.004 + 0.996 * (1 + math.cos(math.pi * self.done)) / 2)

    @property
    def is_taught(self) -> bool:
        return self.done < self.recipe.taught

    def measure(self, pool: Pool, teachers: Teachers) -> None:
        """Fix each target's scale: its variance over a first draw."""
        found = teachers.features(normalise(pool.batch(48, self.recipe.size)))
        self.variance = {name: f.var() for name, f in found.items()}

    def lesson(self, pool: Pool, teachers: Teachers) -> Lesson:
        """Draw a batch and ask the teachers."""
        recipe = self.recipe
        images = normalise(pool.batch(recipe.batch, recipe.size)).contiguous(memory_format=torch.channels_last)
        found = teachers.features(images)
        return Lesson(images, {name: f / self.variance[name].sqrt() for name, f in found.items()})

    def step(self, lesson: Lesson) -> dict[str, tuple[float, float]]:
        """Learn from one batch; return each target's unexplained share of variance and distance of Gram matrices."""
        recipe, wanted = self.recipe, lesson.wanted
        found = self.student(lesson.images, wanted if self.is_taught else None)
        total, report = torch.zeros(()), {}
        for name, prediction in found.items():
            feature, style = unexplained(prediction, wanted[name]), torch.zeros(())
            if name in JUDGED and not self.is_taught:
                style = style_distance(prediction.relu(), wanted[name])
            total = total + feature + recipe.gram * style
            report[name] = (feature.item(), style.item())
        self.descend(total)
        return report

    def descend(self, loss: Tensor) -> None:
        self.muon.param_groups[0]["lr"] = self.recipe.muon_rate * self.pace
        self.adam.param_groups[0]["lr"] = self.recipe.rate * self.pace
        self.muon.zero_grad()
        self.adam.zero_grad()
        loss.backward()
        self.muon.step()
        self.adam.step()
        self.mean.update_parameters(self.student)
        self.steps += 1

    def state(self) -> dict[str, object]:
        parts = {name: getattr(self, name).state_dict() for name in PARTS}
        return parts | {"variance": self.variance, "seconds": self.seconds, "steps": self.steps}

    def restore(self, state: Mapping[str, Any]) -> None:
        for name in PARTS:
            getattr(self, name).load_state_dict(state[name])
        self.variance, self.seconds, self.steps = state["variance"], state["seconds"], state["steps"]

    def save(self, checkpoint: Path) -> None:
        """Write beside and rename, so that an interruption leaves the last good one."""
        fresh = checkpoint.with_suffix(".new")
        torch.save(self.state(), fresh)
        fresh.replace(checkpoint)
