from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from nst_engine import Step, color, stylize
from nst_engine.networks.features import Network
from nst_engine.run import MAX_RETRIES
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.errors import CheckpointError, ConfigError, DivergedError
from nst_engine.state import State
from nst_engine.tensors import resize
from tests.nst_engine.tiny import TinyBody, config, network, photo, picture, seeded

CONTENT, STYLE = photo(48, 44, 1), picture(40, 44, 2)


def run(values: StyleConfig, *, on: Network | None = None, **inputs: Any) -> Iterator[Step]:
    given: dict[str, Any] = {"content": CONTENT, "styles": [STYLE], **inputs}
    content, styles = given.pop("content"), given.pop("styles")
    convention = values.input_convention
    return stylize(content, styles, values, network=on or network(convention=convention), **given)


def last(steps: Iterator[Step]) -> tuple[Step, Tensor]:
    """Run to the end; return the last step and its picture."""
    *_, step = steps
    return step, step.image()


def first_iterate(values: StyleConfig, **inputs: Any) -> Tensor:
    """Return what the run starts from, in units of the input convention, (1, 3, H, W)."""
    seen: list[Tensor] = []

    class Watched(TinyBody):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            seen.append(x.detach().clone())
            return super().forward(x)

    next(run(values, on=Network(seeded(Watched()), convention=values.input_convention), **inputs))
    return seen[-1]


SCALED = {"scales": 2, "min_size": 32, "max_size": 48, "scale_factor": 1.25, "steps": 7, "scale_shares": (3, 4)}
KINDS = {
    "adam": config(**SCALED),
    "adam that averages and clamps": config(**SCALED, average_decay=0.9, clamp="step"),
    "adam that starts over at each scale": config(**SCALED, carry_state=False),
    "lbfgs": config(**SCALED, optimizer="lbfgs", learning_rate=1.0, lbfgs_history=3),
    "lbfgs that averages": config(**SCALED, optimizer="lbfgs", learning_rate=1.0, average_decay=0.5),
    "lbfgs with line search": config(**SCALED, optimizer="lbfgs", learning_rate=1.0, line_search="strong_wolfe"),
    "from noise, pixels to 255": config(**SCALED, init="gaussian", learning_rate=2.0, input_convention="mean255"),
    "wasserstein": config(**SCALED, style_statistic="wasserstein"),
}


# The same again


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_the_same_picture_bit_by_bit(kind: str) -> None:
    (one, first), (other, second) = (last(run(KINDS[kind])) for _ in range(2))
    assert torch.equal(first, second)
    assert one.loss == other.loss


def test_another_seed_gives_another_picture() -> None:
    values = config(init="gaussian")
    first, second = (last(run(values.model_copy(update={"seed": seed})))[1] for seed in (0, 1))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_resumed_after_any_step_equals_the_uninterrupted_run(kind: str) -> None:
    """Every iteration is tried, so the last of a scale and the first of the next are among them."""
    values = KINDS[kind]
    states = [(step.state().to_bytes(), step.loss) for step in run(values)]
    whole, expected = last(run(values))
    assert len(states) == 7
    for data, _ in states[:-1]:
        resumed, found = last(run(values, resume=State.from_bytes(data)))
        assert torch.equal(found, expected)
        assert (resumed.loss, resumed.iteration) == (whole.loss, whole.iteration)


def test_a_run_resumed_at_a_plateau_leaves_the_scale_as_the_uninterrupted_run_does() -> None:
    values = config(steps=200, scales=2, min_size=32, max_size=48, scale_factor=1.25, scale_shares=(1, 1), plateau=0.9)
    states = [(step.iteration, step.state().to_bytes()) for step in run(values)]
    edge = next(i for i, ((a, _), (b, _)) in enumerate(pairwise(states)) if b > a + 1)
    found = [step.iteration for step in run(values, resume=State.from_bytes(states[edge][1]))]
    assert found == [iteration for iteration, _ in states[edge + 1 :]]


def test_a_finished_run_has_nothing_left_to_resume() -> None:
    *_, step = run(config())
    assert list(run(config(), resume=step.state())) == []


@pytest.mark.parametrize(
    ("values", "inputs"),
    [
        (config(seed=1), {}),
        (config(style_weight=2.0), {}),
        (config(), {"content": photo(48, 44, 9)}),
        (config(), {"styles": [STYLE * 0.9]}),
        (config(), {"masks": [torch.ones(4, 4)]}),
    ],
)
def test_a_checkpoint_of_other_pictures_or_parameters_is_refused(values: StyleConfig, inputs: dict[str, Any]) -> None:
    state = next(run(config())).state()
    with pytest.raises(CheckpointError, match="other pictures or parameters"):
        run(values, resume=state, **inputs)


# What a step tells


def test_steps_count_over_all_scales() -> None:
    steps = list(run(KINDS["adam"]))
    assert [step.iteration for step in steps] == [1, 2, 3, 4, 5, 6, 7]
    assert [step.scale for step in steps] == [1, 1, 1, 2, 2, 2, 2]
    assert {step.total for step in steps} == {7}
    assert {step.scales for step in steps} == {2}
    assert [(step.width, step.height) for step in steps[2:4]] == [(35, 38), (44, 48)]


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


@pytest.mark.parametrize("size", [40, 48, 400])  # smaller than the inputs, theirs, larger
def test_the_caller_s_tensors_are_never_changed(size: int) -> None:
    given: dict[str, Any] = {
        "content": CONTENT.clone(),
        "styles": [STYLE.clone(), picture(48, 44, 3)],
        "masks": [torch.ones(48, 44), torch.ones(48, 44)],
        "init_image": picture(48, 44, 4),
    }
    before = [
        given["content"].clone(),
        *(t.clone() for t in given["styles"]),
        *(t.clone() for t in given["masks"]),
        given["init_image"].clone(),
    ]
    last(run(config(init="image", max_size=size, clamp="step", learning_rate=0.5), **given))
    after = [given["content"], *given["styles"], *given["masks"], given["init_image"]]
    assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))


def test_tensors_that_want_a_gradient_or_are_double_are_taken_as_they_are() -> None:
    wanting = CONTENT.double().requires_grad_()
    _, image = last(run(config(), content=wanting))
    assert torch.equal(image, last(run(config()))[1])


def test_convolutions_in_bfloat16_give_nearly_the_losses_of_float32() -> None:
    half, whole = (next(run(config(precision=precision))).loss for precision in ("bfloat16", "float32"))
    assert half == pytest.approx(whole, rel=0.1)
    assert half != whole


# Initial images


@pytest.mark.parametrize("convention", ["torchvision", "mean255", "caffe"])
def test_gaussian_noise_has_its_deviation_in_the_network_s_input_space(convention: str) -> None:
    start = first_iterate(config(init="gaussian", init_std=0.5, input_convention=convention, max_size=48))
    assert float(start.mean()) == pytest.approx(0, abs=0.03)
    assert float(start.std()) == pytest.approx(0.5, rel=0.03)


@pytest.mark.parametrize("convention", ["torchvision", "mean255"])
def test_uniform_noise_has_its_half_width_in_the_network_s_input_space(convention: str) -> None:
    start = first_iterate(config(init="uniform", init_std=1.0, input_convention=convention, max_size=48))
    assert -1.001 < float(start.min()) < -0.99
    assert 0.99 < float(start.max()) < 1.001
    assert float(start.std()) == pytest.approx(1 / math.sqrt(3), rel=0.03)


def test_the_first_iterate_is_the_content_the_style_or_the_image_asked_for() -> None:
    net = network()
    other = picture(20, 30, 8)
    for init, image in (("content", CONTENT), ("style", STYLE), ("image", other)):
        start = first_iterate(config(init=init), **({"init_image": other} if init == "image" else {}))
        expected = resize(image[None], 40, 37).clamp(0, 1)
        assert torch.allclose(start, net.normalize(expected), atol=1e-5), init


# Masks, blends, style size, colour


@pytest.mark.parametrize("scales", [1, 2])
def test_a_style_applies_where_its_mask_is(scales: int) -> None:
    """Two styles, one dark and one bright: each half of the picture goes its own way."""
    dark, bright = STYLE * 0.2, STYLE * 0.2 + 0.8
    left = (torch.arange(44) < 22).float().expand(48, 44)
    several = {"scales": scales, "min_size": 32, "scale_factor": 1.25}
    values = config(content_weight=0.0, optimizer="lbfgs", learning_rate=1.0, steps=40, max_size=48, **several)
    _, image = last(run(values, styles=[dark, bright], masks=[left, 1 - left]))
    assert float(image[..., :15].mean()) < 0.4
    assert float(image[..., 29:].mean()) > 0.6


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


class Sizes(TinyBody):
    """Remembers the sizes it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, int]] = []

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        self.seen.append((x.shape[-2], x.shape[-1]))
        return super().forward(x)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"max_size": 48}, (48, 48)),
        ({"max_size": 48, "style_scale": 2.0}, (96, 96)),
        ({"max_size": 48, "style_scale": 2.0, "style_upscale": False}, (64, 64)),
        ({"max_size": 48, "style_scale": 0.75}, (36, 36)),
        ({"max_size": 48, "style_scale": 0.1}, (32, 32)),  # no smaller than the network can take
    ],
)
def test_a_style_is_fitted_to_the_content_times_its_scale(
    changes: Mapping[str, Any], expected: tuple[int, int]
) -> None:
    body = Sizes()
    next(run(config(**changes), on=Network(seeded(body)), styles=[picture(64, 64, 2)]))
    assert body.seen[-2] == expected  # before the first evaluation


def test_preserving_colour_by_luminance_keeps_the_chroma_of_the_content() -> None:
    content = photo(48, 44, 1) * 0.3 + 0.35
    _, image = last(
        run(
            config(preserve_color="luminance", max_size=48),
            content=content,
            styles=[STYLE * torch.tensor([1.0, 0.2, 0.1]).view(3, 1, 1)],
        )
    )
    inside = (image > 0) & (image < 1)
    chroma = (image - color.luminance(image[None])[0])[inside]
    assert float(inside.float().mean()) > 0.9
    assert torch.allclose(chroma, (content - color.luminance(content[None])[0])[inside], atol=1e-5)


def test_preserving_colour_linearly_paints_with_the_style_in_the_colours_of_the_content() -> None:
    body = Watching()
    content = photo(48, 44, 1) * 0.3 + 0.35
    next(run(config(preserve_color="linear", max_size=48), on=Network(seeded(body)), content=content))
    net = network()
    used, target = (net.denormalize(body.seen[i])[0].flatten(1) for i in (-2, -3))  # style, content
    assert torch.allclose(used.mean(1), target.mean(1), atol=1e-3)
    assert torch.allclose(torch.cov(used), torch.cov(target), atol=1e-3)


class Watching(TinyBody):
    """Remembers what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        self.seen.append(x.detach().clone())
        return super().forward(x)


# Optimisation details


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


# The guard


class Failing(TinyBody):
    """Gives no numbers on some of its evaluations, the first being 1; targets are taken without gradient."""

    def __init__(self, fails: Mapping[int, str]) -> None:
        super().__init__()
        self.fails, self.calls = fails, 0

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        self.calls += x.requires_grad
        found = super().forward(x)
        match self.fails.get(self.calls) if x.requires_grad else None:
            case "loss":
                return {name: f * math.nan for name, f in found.items()}
            case "gradient":  # √0 has a value but no slope
                return {name: f + 0 * (x * 0).abs().sqrt().sum() for name, f in found.items()}
            case "size":
                return {name: f * 1e9 for name, f in found.items()}
        return found


GUARDED = {
    "adam": config(steps=6, average_decay=0.9),
    "lbfgs": config(steps=6, optimizer="lbfgs", learning_rate=1.0),
}


@pytest.mark.parametrize("kind", GUARDED)
@pytest.mark.parametrize("what", ["loss", "gradient", "size"])
def test_a_step_that_leaves_the_numbers_is_undone_and_tried_again(kind: str, what: str) -> None:
    body = Failing({4: what})
    steps = list(run(GUARDED[kind], on=Network(seeded(body))))
    assert [step.iteration for step in steps] == [1, 2, 3, 4, 5, 6]
    assert all(math.isfinite(step.loss) for step in steps)
    assert steps[-1].loss < steps[0].loss
    assert bool(steps[-1].image().isfinite().all())


@pytest.mark.parametrize("what", ["loss", "gradient", "size"])
def test_an_undone_step_is_followed_by_smaller_ones(what: str) -> None:
    *_, step = run(GUARDED["adam"], on=Network(seeded(Failing({4: what}))))
    assert float(step.state().tensors["optimizer.rate"]) == GUARDED["adam"].learning_rate / 2


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_the_average_does_not_keep_what_was_undone(what: str) -> None:
    for step in run(GUARDED["adam"], on=Network(seeded(Failing({4: what})))):
        assert bool(step.state().tensors["average"].isfinite().all())


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_run_that_keeps_failing_ends_with_a_clear_error(what: str) -> None:
    body = Failing(dict.fromkeys(range(3, 100), what))
    steps = run(GUARDED["adam"], on=Network(seeded(body)))
    with pytest.raises(DivergedError, match="smaller learning rate"):
        list(steps)
    assert body.calls <= 2 + MAX_RETRIES + 1


def test_pictures_with_no_numbers_in_them_end_with_a_clear_error() -> None:
    with pytest.raises(DivergedError):
        list(run(config(), content=CONTENT * math.nan))


# Bad input, refused before the first step


@pytest.mark.parametrize(
    ("changes", "inputs", "field", "message"),
    [
        ({}, {"styles": []}, "style", "at least one style image"),
        ({"style_blend": (1, 2)}, {}, "style_blend", "2 weights for 1 style images"),
        ({}, {"masks": [torch.ones(4, 4), torch.ones(4, 4)]}, "mask", "2 masks for 1 style images"),
        ({}, {"masks": [torch.ones(1, 4, 4)]}, "mask", r"\(H, W\)"),
        ({}, {"masks": [torch.zeros(4, 4)]}, "mask", "every mask is black"),
        ({"init": "image"}, {}, "init", "go together"),
        ({}, {"init_image": CONTENT}, "init", "go together"),
        ({"init": "image"}, {"init_image": CONTENT[0]}, "init_image", r"\(3, H, W\)"),
        ({}, {"content": CONTENT[None]}, "content", r"\(3, H, W\)"),
        ({}, {"content": (CONTENT * 255).byte()}, "content", "float RGB"),
        ({}, {"styles": [STYLE, STYLE[:1]]}, "style[1]", r"\(3, H, W\)"),
        ({}, {"content": photo(200, 16)}, "max_size", "at least 32 px on the short side"),
        ({"precision": "tf32"}, {}, "precision", "CUDA"),
    ],
)
def test_bad_input_is_refused_at_the_call(
    changes: dict[str, Any], inputs: dict[str, Any], field: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        run(config(**changes), **inputs)
    assert [problem.field for problem in caught.value.problems] == [field]


def test_a_short_style_is_enlarged_to_what_the_network_needs() -> None:
    _, image = last(run(config(), styles=[picture(40, 4, 2)]))
    assert bool(image.isfinite().all())
