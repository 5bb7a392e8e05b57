from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from nst_engine import StyleConfig, stylize
from nst_engine.losses import targets
from nst_engine.motion.flow import Frame, floats
from nst_engine.motion.history import LOOKBACK, FrameHistory, Painted
from nst_engine.motion.painting import FilmStep, frame_steps, stylize_film
from nst_engine.run import loop
from nst_engine.run.scaled_inputs import ScaledInputs
from nst_engine.tensors import to_picture, to_tensor
from tests.nst_engine.motion.scenes import HEIGHT, WIDTH, moving, pan, still
from tests.nst_engine.run.runs import SAMPLED
from tests.nst_engine.tiny import config, network, picture

STYLE = picture(40, 44, 2)
VALUES = config(max_size=WIDTH, steps=4, temporal_weight=100.0, tv_weight=0.1)


def pictures(frames: Sequence[Frame]) -> list[Image.Image]:
    return [Image.fromarray(frame) for frame in frames]


def film(frames: Sequence[Frame], values: StyleConfig = VALUES, **options: Any) -> list[FilmStep]:
    styles: Sequence[Tensor] = options.pop("styles", [STYLE])
    return list(stylize_film(pictures(frames), styles, values, network=options.pop("network", network()), **options))


def results(frames: Sequence[Frame], values: StyleConfig = VALUES, **options: Any) -> list[Image.Image]:
    styles: Sequence[Tensor] = options.pop("styles", [STYLE])
    steps = stylize_film(pictures(frames), styles, values, network=network(), **options)
    return [step.picture() for step in steps if step.is_last]


def same(one: Sequence[Image.Image], other: Sequence[Image.Image]) -> bool:
    return len(one) == len(other) and all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))


def test_the_first_frame_is_painted_as_a_picture() -> None:
    (frame,) = pan(1)
    *_, last = stylize(to_tensor(Image.fromarray(frame)), [STYLE], VALUES, network=network())
    assert same(results([frame]), [to_picture(last.image())])


def test_steps_tell_where_the_film_is() -> None:
    steps = film(pan(2), config(max_size=WIDTH, steps=6))
    told = [(step.frame, step.iteration, step.total, step.is_last) for step in steps]
    first = [(0, i, 6, i == 6) for i in range(1, 7)]
    assert told == first + [(1, i, 2, i == 2) for i in range(1, 3)]
    assert {(step.width, step.height) for step in steps} == {(WIDTH, HEIGHT)}
    # In a film of three frames, of which the last two take two iterations each:
    assert [step.pixels_left(3) // (WIDTH * HEIGHT) for step in steps] == [9, 8, 7, 6, 5, 4, 3, 2]


def test_frames_are_shrunk_to_the_size_of_the_result() -> None:
    assert results(pan(2), config(max_size=45, steps=3))[1].size == (45, 32)


def test_a_resumed_film_is_the_same_bit_for_bit() -> None:
    frames = [*pan(4), *moving(4)]
    whole = results(frames)
    for first in (1, 3, 5, 7):
        start = max(0, first - LOOKBACK)
        rest = results(frames[start:], first=first, before=whole[start:first])
        assert same(rest, whole[first:])


def test_a_resumed_film_goes_on_counting() -> None:
    frames = pan(3)
    done = results(frames[:2])
    assert {step.frame for step in film(frames, first=2, before=done)} == {2}


def test_a_cut_starts_over_with_a_picture() -> None:
    one, other = pan(2), pan(2, seed=9)
    assert same(results([*one, *other])[2:], results(other))


def test_a_frame_that_repeats_the_one_before_is_not_painted_again() -> None:
    frame, after = pan(2)
    steps = film([frame, frame, after])
    (repeated,) = (step for step in steps if step.frame == 1)
    assert repeated.is_last and repeated.total == 0
    assert same([repeated.picture()], results([frame]))


def test_the_temporal_loss_holds_frames_to_those_before() -> None:
    def change(weight: float) -> float:
        values = config(max_size=WIDTH, steps=20, temporal_weight=weight, optimizer="lbfgs", learning_rate=1.0)
        first, *_, last = (floats(np.asarray(picture)) for picture in results(still(4), values))
        return float(np.abs(last - first).mean())

    assert change(1e4) < 0.5 * change(0)


def test_the_styles_are_looked_at_once_for_the_whole_film(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    made = targets._style_moments
    monkeypatch.setattr(targets, "_style_moments", lambda *given: calls.append(1) or made(*given))
    resized, resize = [], ScaledInputs.content_and_styles
    monkeypatch.setattr(ScaledInputs, "content_and_styles", lambda *given: resized.append(1) or resize(*given))
    film(pan(5))
    assert len(calls) == 1  # pictures, and frames that start from another, share what the losses make of the styles
    assert len(resized) == 2


def test_the_memory_is_planned_once_for_the_whole_film(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, planned = [], loop.plan_tiles
    monkeypatch.setattr(loop, "plan_tiles", lambda *given: calls.append(1) or planned(*given))
    steps = stylize_film(pictures([*pan(2), *pan(2, seed=9)]), [STYLE], VALUES, network=network())
    next(steps)
    assert len(calls) == 2  # for pictures, and for frames that start from another
    assert list(steps) and len(calls) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"preserve_color": "luminance"},
        {"preserve_color": "linear"},
        {"color_match": "chroma"},
        {"average_decay": 0.9, "clamp": "step"},
        {"optimizer": "lbfgs", "learning_rate": 1.0},
        {"init": "gaussian"},
        {"plateau": 0.9, "steps": 30},
        {**SAMPLED, "content_loss": "self_similarity"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_film_takes_the_parameters_of_a_picture(changes: dict[str, Any]) -> None:
    values = config(**{"max_size": WIDTH, "steps": 3, **changes})
    whole = results(pan(3), values)
    assert len(whole) == 3
    assert same(results(pan(3), values, first=2, before=whole[:2]), whole[2:])


def test_masks_apply_to_every_frame() -> None:
    mask = torch.zeros(HEIGHT, WIDTH)
    mask[:, : WIDTH // 2] = 1
    styles = [STYLE, picture(40, 44, 8)]
    assert len(results(pan(2), styles=styles, masks=[mask, 1 - mask])) == 2


def test_a_film_without_frames_has_no_steps() -> None:
    assert film([]) == []


def painted(frames: Sequence[Frame]) -> FrameHistory:
    """Return the history of frames whose results are the frames themselves."""
    history = FrameHistory()
    for frame in frames:
        history.add(Painted(frame, frame))
    return history


def test_frames_further_back_fill_what_the_nearest_does_not_show() -> None:
    ground = still(1)[0]
    hidden = ground.copy()
    hidden[8:32, 20:40] = 255 - pan(1)[0][8:32, 20:40]
    frames = [ground, hidden, ground.copy()]
    far = painted(frames[:2]).guess(frames[2])
    near = painted(frames[1:2]).guess(frames[2])
    assert far is not None and near is not None
    wanted = floats(ground)
    assert far.confidence.mean() > near.confidence.mean()
    assert np.abs(far.start - wanted)[10:30, 22:38].mean() < np.abs(near.start - wanted)[10:30, 22:38].mean() + 1e-6


def test_what_no_frame_shows_starts_from_the_film_in_the_colors_around_it() -> None:
    frames = pan(2)
    history = FrameHistory()
    history.add(Painted(frames[0], (frames[0] // 2).astype(np.uint8)))
    guess = history.guess(frames[1])
    assert guess is not None
    assert guess.confidence[:, -2:].max() == 0
    assert guess.start[:, -2:].mean() == pytest.approx(floats(frames[1])[:, -2:].mean() / 2, abs=0.06)


def test_few_steps_follow_the_first_frame() -> None:
    assert [frame_steps(config(steps=steps)) for steps in (1, 20, 200, 1000)] == [1, 2, 2, 10]


def test_the_network_is_loaded_for_the_parameters_if_it_is_not_given() -> None:
    step = next(stylize_film(pictures(pan(1)), [STYLE], StyleConfig(max_size=45, steps=1)))
    assert isinstance(step, FilmStep)
