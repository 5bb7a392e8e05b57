"""One training run: its configuration, its state, its step, its checkpoint."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tools.distill.data import ImagePool
from tools.distill.muon import Muon
from tools.distill.student import Student
from tools.distill.teachers import GRAM_TARGETS, Teachers, feature_loss, gram_loss, normalize

CHECKPOINTED = ("student", "average", "muon", "adam")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """The hyperparameters of a training run; shares are shares of its time."""

    minutes: float = 100
    muon_rate: float = 0.02  # of the kernels
    adam_rate: float = 3e-3  # of all other parameters
    batch: int = 8
    size: int = 192
    gram_weight: float = 1.0
    average_decay: float = 0.996
    teacher_forcing: float = 0.9  # share of the time in which each block gets the teacher's features as input
    generated_from: float = 0.5  # share of the time after which pictures that the student stylizes join the pool
    generated_every: int = 120  # steps
    seed: int = 0


@dataclass(frozen=True)
class Batch:
    """Normalized images, and the features that the teachers compute from them."""

    images: Tensor  # (B, 3, S, S)
    targets: dict[str, Tensor]


class Training:
    """Everything that a checkpoint holds, and one step of it."""

    def __init__(self, config: TrainingConfig) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.student = Student().to(memory_format=torch.channels_last)
        self.average = torch.optim.swa_utils.AveragedModel(self.student, avg_fn=self._averaged, use_buffers=True)
        kernels, rest = self.student.parameter_groups()
        self.muon = Muon(kernels, lr=config.muon_rate)
        self.adam = torch.optim.Adam(rest, lr=config.adam_rate)
        self.student.train()
        self.variance: dict[str, Tensor] = {}
        self.seconds, self.steps = 0.0, 0

    @property
    def progress(self) -> float:
        """Return the share of the time that has passed."""
        return min(self.seconds / 60 / self.config.minutes, 1)

    @property
    def rate_factor(self) -> float:
        """Return the factor on the learning rates: a warm-up of 100 steps, then a cosine of the time."""
        return min(self.steps / 100, 1) * (0.004 + 0.996 * (1 + math.cos(math.pi * self.progress)) / 2)

    @property
    def uses_teacher_forcing(self) -> bool:
        """Tell whether each block gets the teacher's features as input."""
        return self.progress < self.config.teacher_forcing

    @property
    def averaged_student(self) -> Student:
        """Return the student with the average of its weights."""
        student = self.average.module
        assert isinstance(student, Student)
        return student

    def fit_scales(self, pool: ImagePool, teachers: Teachers) -> None:
        """Set each target's scale to its variance over a first batch."""
        features = teachers.features(normalize(pool.batch(48, self.config.size)))
        self.variance = {name: feature.var() for name, feature in features.items()}

    def draw_batch(self, pool: ImagePool, teachers: Teachers) -> Batch:
        """Draw images and compute the targets."""
        images = normalize(pool.batch(self.config.batch, self.config.size))
        images = images.contiguous(memory_format=torch.channels_last)
        features = teachers.features(images)
        return Batch(images, {name: feature / self.variance[name].sqrt() for name, feature in features.items()})

    def step(self, batch: Batch) -> dict[str, tuple[float, float]]:
        """Train on one batch; return each target's feature loss and Gram loss."""
        found = self.student(batch.images, batch.targets if self.uses_teacher_forcing else None)
        total, losses = torch.zeros(()), {}
        for name, prediction in found.items():
            feature, style = feature_loss(prediction, batch.targets[name]), torch.zeros(())
            if name in GRAM_TARGETS and not self.uses_teacher_forcing:
                style = gram_loss(prediction.relu(), batch.targets[name])
            total = total + feature + self.config.gram_weight * style
            losses[name] = (feature.item(), style.item())
        self._update(total)
        return losses

    def state(self) -> dict[str, object]:
        """Return what a checkpoint holds."""
        parts = {name: getattr(self, name).state_dict() for name in CHECKPOINTED}
        return parts | {"variance": self.variance, "seconds": self.seconds, "steps": self.steps}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a checkpoint."""
        for name in CHECKPOINTED:
            getattr(self, name).load_state_dict(state[name])
        self.variance, self.seconds, self.steps = state["variance"], state["seconds"], state["steps"]

    def save(self, checkpoint: Path) -> None:
        """Write a new file and rename it, so that an interruption leaves the previous one intact."""
        fresh = checkpoint.with_suffix(".new")
        torch.save(self.state(), fresh)
        fresh.replace(checkpoint)

    def _averaged(self, average: Tensor, new: Tensor, _: Tensor | int) -> Tensor:
        """Average exponentially, over a window that starts short, because the first weights are not worth keeping."""
        share = max(1 - self.config.average_decay, 9 / (10 + self.steps))
        return average + share * (new - average) if average.is_floating_point() else new

    def _update(self, loss: Tensor) -> None:
        self.muon.param_groups[0]["lr"] = self.config.muon_rate * self.rate_factor
        self.adam.param_groups[0]["lr"] = self.config.adam_rate * self.rate_factor
        self.muon.zero_grad()
        self.adam.zero_grad()
        loss.backward()
        self.muon.step()
        self.adam.step()
        self.average.update_parameters(self.student)
        self.steps += 1
