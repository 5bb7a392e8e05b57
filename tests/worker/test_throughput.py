"""The speed of a run."""

from __future__ import annotations

import pytest

from jobs.model import Progress
from worker.throughput import Throughput


def test_speed_and_time_left_follow_the_iterations() -> None:
    now = 0.0
    throughput = Throughput(clock=lambda: now)
    for iteration in range(1, 11):
        progress = throughput.measure(Progress(iteration=iteration, total=100))
        now += 0.5
    assert progress.iterations_per_second == pytest.approx(2)
    assert progress.eta_seconds == pytest.approx(45)


def test_the_latest_iterations_weigh_most() -> None:
    now = 0.0
    throughput = Throughput(clock=lambda: now)
    for iteration, seconds in enumerate([1.0] * 10 + [3.0] * 10, 1):
        throughput.measure(Progress(iteration=iteration, total=100))
        now += seconds
    speed = throughput.iterations_per_second
    assert speed is not None
    assert 1 / 3 < speed < 1 / 2.5


def test_the_first_iteration_has_no_speed() -> None:
    throughput = Throughput()
    assert throughput.measure(Progress(iteration=1, total=2)).eta_seconds is None
    assert throughput.iterations_per_second is None


def test_what_was_not_computed_has_no_speed() -> None:
    now = 0.0
    throughput = Throughput(clock=lambda: now)
    for iteration, seconds in ((30, 0.001), (60, 60.0), (61, 0.5), (62, 0.5), (62, 9.0), (63, 0.5), (64, 0.0)):
        progress = throughput.measure(Progress(iteration=iteration, total=100))
        now += seconds
    assert progress.iterations_per_second == pytest.approx(2)
