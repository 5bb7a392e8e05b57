"""The training loop."""

import time
from collections import defaultdict
from pathlib import Path

import torch

from tools.distill.data import ImagePool
from tools.distill.generated import generate
from tools.distill.teachers import Teachers
from tools.distill.training import Training

MOST_GENERATED = 160
SAVE_SECONDS = 90
REPORT_STEPS = 50


def train(training: Training, pool: ImagePool, teachers: Teachers, checkpoint: Path) -> None:
    """Train until the configured time is over."""
    if not training.variance:
        training.fit_scales(pool, teachers)
    losses = []
    began = saved = time.monotonic()
    while training.progress < 1:
        losses.append(training.step(training.draw_batch(pool, teachers)))
        if training.progress > training.config.generated_from and training.steps % training.config.generated_every == 0:
            add_generated(training, pool)
        now = time.monotonic()
        training.seconds, began = training.seconds + now - began, now
        if training.steps % REPORT_STEPS == 0:
            print(f"{training.seconds / 60:.1f} min, step {training.steps}: {summary(losses)}", flush=True)
            losses = []
        if now - saved > SAVE_SECONDS:
            training.save(checkpoint)
            saved = now
    training.save(checkpoint)


def add_generated(training: Training, pool: ImagePool) -> None:
    """Add pictures that the student stylizes to the pool's last group."""
    lite = training.averaged_student.fused().requires_grad_(False)
    for picture in generate(lite, pool, training.steps // training.config.generated_every):
        pool.add(picture, group=-1, most=MOST_GENERATED)


def summary(losses: list[dict[str, tuple[float, float]]]) -> str:
    """Return each target's mean feature loss / mean Gram loss."""
    found = defaultdict(list)
    for step in losses:
        for name, pair in step.items():
            found[name].append(pair)
    means = {name: torch.tensor(pairs).mean(0).tolist() for name, pairs in found.items()}
    return " ".join(f"{name} {feature:.3f}/{style:.3f}" for name, (feature, style) in means.items())
