import pytest

from nst_engine.spec.enums import SizeBy
from nst_engine.spec.errors import ConfigError
from nst_engine.spec.presets import resolve
from nst_engine.spec.schedule import Scale, fit_size, pixels_left, schedule
from tests.nst_engine.tiny import config


def longest(preset: str, height: int = 3000, width: int = 4000, **overrides: object) -> list[tuple[int, int]]:
    return [(max(s.height, s.width), s.steps) for s in schedule(resolve(preset, overrides), height, width)]


def test_multiscale_w2_goes_from_128_to_512_in_steps_of_the_square_root_of_two() -> None:
    assert longest("multiscale-w2") == [(128, 1000), (181, 500), (256, 500), (362, 500), (512, 500)]


def test_gatys_authors_makes_512_px_and_then_800() -> None:
    assert longest("gatys-authors") == [(512, 500), (800, 200)]


@pytest.mark.parametrize(
    ("preset", "size", "steps"),
    [
        ("five-layer", 356, 6000),
        ("classic-lbfgs", 512, 300),
        ("from-noise", 512, 500),
        ("deep-content", 400, 7000),
        ("neural-style", 512, 1000),
    ],
)
def test_the_single_scale_presets_have_one_scale(preset: str, size: int, steps: int) -> None:
    assert longest(preset) == [(size, steps)]


def test_cnn_explorer_measures_the_height() -> None:
    (scale,) = schedule(resolve("cnn-explorer"), 600, 900)
    assert (scale.height, scale.width, scale.steps) == (400, 600, 1000)


def test_the_default_goes_coarse_to_fine_and_spends_all_its_steps() -> None:
    values = resolve("default")
    scales = schedule(values, 2000, 2000)
    sizes = [scale.width for scale in scales]
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == values.max_size
    assert len(sizes) > 1
    assert sum(scale.steps for scale in scales) == values.steps


@pytest.mark.parametrize("steps", [1, 2, 5, 7, 299, 300])
def test_the_steps_add_up_whatever_their_number(steps: int) -> None:
    values = config(model="lite", max_size=256, scales=4, min_size=32, steps=steps, scale_shares=(3, 2, 1))
    scales = schedule(values, 300, 300)
    assert sum(scale.steps for scale in scales) == steps
    assert all(scale.steps > 0 for scale in scales)
    assert scales[-1].width == 256


def test_with_fewer_scales_than_shares_the_coarsest_shares_drop_out() -> None:
    values = config(max_size=64, scales=5, min_size=32, steps=30, scale_shares=(50, 2, 1))
    assert [(s.width, s.steps) for s in schedule(values, 64, 64)] == [(32, 20), (64, 10)]


def test_the_last_share_repeats() -> None:
    values = config(max_size=256, scales=4, min_size=32, steps=50, scale_shares=(2, 1))
    assert [s.steps for s in schedule(values, 256, 256)] == [20, 10, 10, 10]


def test_a_picture_is_never_enlarged() -> None:
    (scale,) = schedule(config(max_size=512), 100, 60)
    assert (scale.height, scale.width) == (100, 60)


def test_no_scale_is_smaller_than_the_network_can_take() -> None:
    scales = schedule(
        config(
            model="inception_v3",
            style_layers={"style1": 1},
            content_layers={"content": 1},
            max_size=400,
            scales=8,
            min_size=16,
        ),
        400,
        400,
    )
    assert min(s.height for s in scales) >= 75


@pytest.mark.parametrize(("iteration", "left"), [(0, 2 * 12 + 3 * 48), (1, 12 + 3 * 48), (2, 3 * 48), (4, 48), (5, 0)])
def test_the_work_left_is_the_pixels_of_all_iterations_to_come(iteration: int, left: int) -> None:
    scales = (Scale(height=3, width=4, steps=2), Scale(height=6, width=8, steps=3))
    assert pixels_left(scales, iteration) == left


def test_a_result_too_small_for_the_network_is_refused_with_both_sizes() -> None:
    with pytest.raises(ConfigError, match=r"at least 32 px on the short side, the result would have 8") as caught:
        schedule(config(max_size=64), 50, 400)
    assert caught.value.problems[0].field == "max_size"


def test_the_refusal_names_the_smallest_size_that_works_or_says_that_none_does() -> None:
    asked = config(max_size=512)
    with pytest.raises(ConfigError, match=r"the smallest max_size for this photo is 2461$"):
        schedule(asked, 64, 5000)
    assert min(fit_size(64, 5000, 2461, SizeBy.LONGEST)) == 32 > min(fit_size(64, 5000, 2460, SizeBy.LONGEST))
    with pytest.raises(
        ConfigError, match=r"no max_size helps, .* 16 x 20 px; the smallest photo that works has 32 x 32$"
    ) as caught:
        schedule(asked, 20, 16)
    assert caught.value.problems[0].field == "content"
    with pytest.raises(ConfigError, match=r"no max_size helps, because the photo has 20000 x 64 px$"):
        schedule(asked, 64, 20_000)  # 10,000 would do, which is more than max_size may be


@pytest.mark.parametrize(("by", "expected"), [(SizeBy.LONGEST, (50, 100)), (SizeBy.HEIGHT, (100, 200))])
def test_a_size_keeps_the_shape(by: SizeBy, expected: tuple[int, int]) -> None:
    assert fit_size(300, 600, 100, by) == expected
