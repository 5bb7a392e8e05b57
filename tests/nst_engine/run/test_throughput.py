"""The speed of a run, and the time left."""

from __future__ import annotations

from itertools import pairwise

import pytest

from nst_engine.run.throughput import Throughput
from nst_engine.spec.presets import resolve
from nst_engine.spec.schedule import pixels_left, schedule


def test_speed_and_time_left_follow_the_iterations() -> None:
    now = 0.0
    throughput = Throughput(clock=lambda: now)
    for iteration in range(1, 11):
        throughput.measure(iteration, pixels=100, pixels_left=100 * (100 - iteration))
        now += 0.5
    assert throughput.iterations_per_second == pytest.approx(2)
    assert throughput.seconds_left == pytest.approx(45)


@pytest.mark.parametrize("preparation", [0.0, 10.0])
def test_the_time_left_never_rises_if_iterations_cost_what_their_pixels_do(preparation: float) -> None:
    """The preparation of a scale, in iterations of its size, is not taken for the speed of the scale."""
    now, iteration, scales = 0.0, 0, schedule(resolve("default", {"max_size": 512}), 2000, 2000)
    throughput, ends = Throughput(clock=lambda: now), []
    for scale in scales:
        now += preparation * scale.height * scale.width * 1e-6
        for _ in range(scale.steps):
            now, iteration = now + scale.height * scale.width * 1e-6, iteration + 1
            left = pixels_left(scales, iteration)
            throughput.measure(iteration, pixels=scale.height * scale.width, pixels_left=left)
            ends.append((now, throughput.seconds_left))
    assert len(scales) > 2
    assert ends[0][1] is None
    seconds = [left for _, left in ends[1:] if left is not None]
    assert len(seconds) == len(ends) - 1
    assert all(later <= earlier for earlier, later in pairwise(seconds))
    if not preparation:
        assert seconds[0] == pytest.approx(now - ends[1][0])


def test_the_latest_iterations_weigh_most() -> None:
    now = 0.0
    throughput = Throughput(clock=lambda: now)
    for iteration, seconds in enumerate([1.0] * 10 + [3.0] * 10, 1):
        throughput.measure(iteration, pixels=100, pixels_left=0)
        now += seconds
    speed = throughput.iterations_per_second
    assert speed is not None
    assert 1 / 3 < speed < 1 / 2.5


def test_the_first_iteration_has_no_speed() -> None:
    throughput = Throughput()
    throughput.measure(1, pixels=100, pixels_left=100)
    assert throughput.seconds_left is None
    assert throughput.iterations_per_second is None


def test_what_was_not_computed_has_no_speed() -> None:
    now = 0.0
    throughput = Throughput(clock=lambda: now)
    for iteration, seconds in ((30, 0.001), (60, 60.0), (61, 0.5), (62, 0.5), (62, 9.0), (63, 0.5), (64, 0.0)):
        throughput.measure(iteration, pixels=100, pixels_left=0)
        now += seconds
    assert throughput.iterations_per_second == pytest.approx(2)
