from __future__ import annotations

from typing import Any

import pytest
import torch

from nst_engine.spec.errors import ConfigError
from tests.nst_engine.run.runs import CONTENT, STYLE, last, run
from tests.nst_engine.tiny import config, photo, picture


@pytest.mark.parametrize("size", [40, 48, 400])  # smaller than the inputs, theirs, larger
def test_the_caller_s_tensors_are_never_changed(size: int) -> None:
    given: dict[str, Any] = {
        "content": CONTENT.clone(),
        "styles": [STYLE.clone(), picture(48, 44, 3)],
        "masks": [torch.ones(48, 44), torch.ones(48, 44)],
        "style_masks": [torch.ones(40, 44), torch.ones(4, 4)],
        "init_image": picture(48, 44, 4),
    }
    before = [
        given["content"].clone(),
        *(t.clone() for t in given["styles"]),
        *(t.clone() for t in (*given["masks"], *given["style_masks"])),
        given["init_image"].clone(),
    ]
    last(run(config(init="image", max_size=size, clamp="step", learning_rate=0.5), **given))
    after = [given["content"], *given["styles"], *given["masks"], *given["style_masks"], given["init_image"]]
    assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))


def test_tensors_that_want_a_gradient_or_are_double_are_taken_as_they_are() -> None:
    wanting = CONTENT.double().requires_grad_()
    _, image = last(run(config(), content=wanting))
    assert torch.equal(image, last(run(config()))[1])


@pytest.mark.parametrize(
    ("changes", "inputs", "field", "message"),
    [
        ({}, {"styles": []}, "style", "at least one style image"),
        ({"style_blend": (1, 2)}, {}, "style_blend", "2 weights for 1 style images"),
        ({}, {"masks": [torch.ones(4, 4), torch.ones(4, 4)]}, "mask", "2 masks for 1 style images"),
        ({}, {"masks": [torch.ones(1, 4, 4)]}, "mask", r"\(H, W\)"),
        ({}, {"masks": [torch.zeros(4, 4)]}, "mask", "every mask is black"),
        ({}, {"style_masks": [torch.ones(4, 4)] * 2}, "style_mask", "2 masks for 1 style images"),
        ({}, {"style_masks": [torch.ones(1, 4, 4)]}, "style_mask", r"\(H, W\)"),
        ({}, {"style_masks": [torch.zeros(4, 4)]}, "style_mask", "a mask is black"),
        ({"layers_per_style": "style1;style2"}, {}, "layers_per_style", "layers of 2 styles for 1 style images"),
        ({"init": "image"}, {}, "init", "go together"),
        ({}, {"init_image": CONTENT}, "init", "go together"),
        ({"init": "image"}, {"init_image": CONTENT[0]}, "init_image", r"\(3, H, W\)"),
        ({}, {"content": CONTENT[None]}, "content", r"\(3, H, W\)"),
        ({}, {"content": (CONTENT * 255).byte()}, "content", "float RGB"),
        ({}, {"styles": [STYLE, STYLE[:1]]}, "style[1]", r"\(3, H, W\)"),
        ({}, {"content": photo(200, 16)}, "content", "at least 32 px on the short side"),
        ({"precision": "tf32"}, {}, "precision", "CUDA"),
    ],
)
def test_bad_input_is_refused_at_the_call(
    changes: dict[str, Any], inputs: dict[str, Any], field: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        run(config(**changes), **inputs)
    assert [problem.field for problem in caught.value.problems] == [field]
