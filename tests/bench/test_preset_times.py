"""The time of a preset at its own length, from a few iterations at each of its sizes."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from PIL import Image
from torch import Tensor

from bench import preset_times
from bench.quality.pictures import Pair
from nst_engine import StyleConfig, resolve
from nst_engine.spec.schedule import schedule

SET_UP, FINAL_PASS = 5.0, 3.0  # seconds before the first iteration of a size; how much slower the final pass is


class Clock:
    """Goes on only when an iteration is taken."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def stylize(self, content: Tensor, styles: list[Tensor], config: StyleConfig, **_: object) -> Iterator[object]:
        for number, scale in enumerate(schedule(config, *content.shape[-2:]), 1):
            for i in range(scale.steps):
                self.now += scale.width * (FINAL_PASS if number > 1 else 1.0) + (0.0 if i else SET_UP)
                yield SimpleNamespace(scale=number)


@pytest.mark.parametrize("preset", ["default", "nnst"])
def test_every_size_counts_with_its_iterations_and_its_set_up_once(
    preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(preset_times, "time", clock)
    monkeypatch.setattr(preset_times, "stylize", clock.stylize)
    monkeypatch.setattr(preset_times, "network_for", lambda config: None)
    picture = Image.new("RGB", (600, 400))

    found = preset_times.preset_time(preset, "vgg16", 512, Pair("a + b", picture, picture))

    scales = schedule(resolve(preset, {"model": "vgg16", "max_size": 512}), 400, 600)
    final_pass = 1 if preset == "nnst" else 0
    plain, last = scales[: len(scales) - final_pass], scales[len(scales) - final_pass :]
    seconds = sum(scale.steps * scale.width + SET_UP for scale in plain)
    assert found.seconds == seconds + sum(scale.steps * scale.width * FINAL_PASS + SET_UP for scale in last)
    assert found.steps == resolve(preset).steps
