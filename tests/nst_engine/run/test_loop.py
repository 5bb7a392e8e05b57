from __future__ import annotations

import pytest
import torch

from nst_engine.networks.features import Network
from nst_engine.tensors import resize
from tests.nst_engine.run.runs import CONTENT, KINDS, STYLE, Watching, last, run
from tests.nst_engine.tiny import config, photo, seeded


def test_steps_count_over_all_scales() -> None:
    steps = list(run(KINDS["adam"]))
    assert [step.iteration for step in steps] == [1, 2, 3, 4, 5, 6, 7]
    assert [step.scale for step in steps] == [1, 1, 1, 2, 2, 2, 2]
    assert {step.total for step in steps} == {7}
    assert {step.scales for step in steps} == {2}
    assert [(step.width, step.height) for step in steps[2:4]] == [(35, 38), (44, 48)]
    assert [step.pixels_left for step in steps[2:]] == [44 * 48 * left for left in (4, 3, 2, 1, 0)]


def test_the_losses_of_a_step_add_up() -> None:
    for step in run(config(tv_weight=0.1)):
        assert step.loss == pytest.approx(step.content_loss + step.style_loss + step.tv_loss, rel=1e-5)


def test_a_picture_is_rgb_in_0_to_1_of_the_size_that_the_step_tells() -> None:
    for step in run(config(learning_rate=0.5)):
        image = step.image()
        assert image.shape == (3, step.height, step.width)
        assert 0 <= float(image.min()) < float(image.max()) <= 1


@pytest.mark.parametrize("kind", ["adam", "lbfgs", "lbfgs with line search", "wasserstein"])
def test_the_loss_falls(kind: str) -> None:
    steps = list(run(KINDS[kind].model_copy(update={"scales": 1, "steps": 15})))
    assert steps[-1].loss < 0.8 * steps[0].loss


def test_the_caller_may_stop_at_any_step_and_keep_the_picture() -> None:
    step = next(run(config(steps=20_000)))
    assert step.image().shape == (3, 40, 37)


def test_a_picture_taken_does_not_change_later() -> None:
    steps = run(config())
    image = next(steps).image()
    before = image.clone()
    next(steps)
    assert torch.equal(image, before)


def test_convolutions_in_bfloat16_give_nearly_the_losses_of_float32() -> None:
    half, whole = (next(run(config(precision=precision))).loss for precision in ("bfloat16", "float32"))
    assert half == pytest.approx(whole, rel=0.1)
    assert half != whole


def test_blend_weights_decide_between_styles() -> None:
    values = config(content_weight=0.0, steps=2)
    styles = [STYLE * 0.2, STYLE * 0.2 + 0.8]
    images = {
        blend: last(run(values.model_copy(update={"style_blend": blend}), styles=styles))[1]
        for blend in ((1.0, 0.0), (0.0, 1.0))
    }
    assert torch.equal(images[1.0, 0.0], last(run(values, styles=styles[:1]))[1])
    assert torch.equal(images[0.0, 1.0], last(run(values, styles=styles[1:]))[1])


def test_blend_weights_count_by_their_ratio() -> None:
    styles = [STYLE, photo(30, 30, 5)]
    ones, twos = (next(run(config(style_blend=b), styles=styles)).style_loss for b in ((1, 1), (2, 2)))
    nothing = next(run(config(), styles=styles)).style_loss
    assert ones == pytest.approx(twos) == pytest.approx(nothing)


def test_clamping_each_step_keeps_every_iterate_in_range() -> None:
    body = Watching()
    net = Network(seeded(body))
    list(run(config(clamp="step", learning_rate=0.5, steps=6), on=net))
    for x in body.seen[-6:]:
        pixels = net.denormalize(x)
        assert -1e-5 <= float(pixels.min()) <= float(pixels.max()) <= 1 + 1e-5


def test_the_average_of_iterates_is_corrected_for_its_start() -> None:
    """With a decay of nearly one it is the plain mean: after one step the iterate itself."""
    plain = next(run(config())).image()
    averaged = next(run(config(average_decay=0.999))).image()
    assert torch.allclose(plain, averaged, atol=1e-4)


def test_the_average_lags_behind_the_iterate() -> None:
    _, plain = last(run(config(steps=10)))
    _, averaged = last(run(config(steps=10, average_decay=0.9)))
    start = resize(CONTENT[None], 40, 37)[0]
    assert float((averaged - start).norm()) < float((plain - start).norm())


def test_a_plateau_ends_a_scale_early() -> None:
    patient = list(run(config(steps=60)))
    hasty = list(run(config(steps=60, plateau=0.99)))
    assert len(patient) == 60
    assert len(hasty) == 21
