"""How often an iteration waits for the device, and how much it copies to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nst_engine.tensors import to_picture
from tests.nst_engine.cuda.emulator import EmulatedCuda
from tests.nst_engine.cuda.runs import SHALLOW, Found, run

LONG = {"steps": 5, "lbfgs_history": 3}
ADAM = {"optimizer": "adam", "learning_rate": 0.02, **SHALLOW}


def last_iteration(parameters: dict[str, Any], **inputs: Any) -> Found:
    with EmulatedCuda() as device:
        return run(parameters, cuda=device, **inputs)


@pytest.mark.parametrize(
    ("parameters", "inputs"),
    [
        (LONG, {}),
        ({"learning_rate": 0.5, **SHALLOW}, {}),
        (ADAM, {}),
        ({"style_statistic": "gram", **LONG, **SHALLOW}, {}),
        ({**ADAM, "style_statistic": "gram"}, {}),
        ({**ADAM, "average_decay": 0.9, "clamp": "step", "plateau": 0.01}, {}),
        ({"precision": "bfloat16"}, {}),
        ({}, {"styles": 2, "masks": True}),
        ({"model": "vgg19", **SHALLOW, "input_convention": "caffe", "range_weight": 1.0, "tv_loss": "l1"}, {}),
    ],
    ids=[
        "lbfgs",
        "lbfgs at half the rate",
        "adam",
        "gram",
        "gram with adam",
        "adam that averages",
        "bfloat16",
        "masks",
        "caffe",
    ],
)
def test_an_iteration_waits_for_the_device_once(parameters: dict[str, Any], inputs: dict[str, Any]) -> None:
    found = last_iteration(parameters, **inputs)
    assert sum(found.waits.values()) == 1, found.waits
    assert not found.copies


def test_a_preview_adds_no_wait_to_an_iteration() -> None:
    with EmulatedCuda() as device:
        found = run(ADAM, cuda=device, previews=True)
        assert sum(found.waits.values()) == 1, found.waits
        device.clear()
        pictures = [picture() for picture in found.previews]
        assert sum(device.waits.values()) == len(pictures) == 3
    assert np.array_equal(pictures[-1], to_picture(found.image))
    assert not np.array_equal(pictures[0], pictures[-1]), "a preview shows the iteration after which it was taken"
