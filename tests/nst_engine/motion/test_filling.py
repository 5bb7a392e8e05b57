import cv2
import numpy as np
import pytest

from nst_engine.motion import filling
from nst_engine.motion.filling import filled
from nst_engine.motion.flow import Floats

GRAY: Floats = np.full((72, 96, 3), 0.5, np.float32)


def noise(height: int, width: int) -> Floats:
    """Return a texture of blobs, some pixels wide."""
    pixels = np.random.default_rng(0).random((height, width, 3), np.float32)
    blurred: Floats = cv2.GaussianBlur(pixels, (0, 0), 2) * 4 - 1.5
    return blurred.clip(0, 1)


def test_blocks_are_found_in_parts_as_they_are_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    frame, image = (random.random((96, 120, 3), np.float32) for _ in range(2))
    shown = np.ones((96, 120), np.bool_)
    shown[30:60, 40:70] = False
    whole = filled(image, shown, frame)
    monkeypatch.setattr(filling, "CHUNK", 500)
    assert np.array_equal(filled(image, shown, frame), whole)


def test_what_is_shown_stays_and_the_film_fills_where_there_is_nothing_to_choose_from() -> None:
    image, shown = noise(72, 96), np.ones((72, 96), np.bool_)
    shown[:, 80:] = False
    assert np.array_equal(filled(image, shown, GRAY)[shown], image[shown])
    assert np.array_equal(filled(image, np.zeros_like(shown), GRAY), GRAY)


def test_a_block_continues_the_painting_around_it() -> None:
    stripes: Floats = np.broadcast_to(np.sin(np.arange(96) * 0.7)[None, :, None] / 2 + 0.5, GRAY.shape).astype(
        np.float32
    )
    shown = np.ones((72, 96), np.bool_)
    shown[:, 88:] = False
    error = np.abs(filled(np.where(shown[..., None], stripes, 0).astype(np.float32), shown, GRAY) - stripes)
    assert error.mean(2)[~shown].mean() < 0.08


def test_a_pan_does_not_copy_the_same_columns_with_every_frame() -> None:
    image, shown = noise(72, 96), np.ones((72, 96), np.bool_)
    shown[:, -3:] = False
    usual = np.abs(image[:, 48:] - image[:, :48]).mean()
    for _ in range(8):
        image = filled(np.roll(image, -3, 1), shown, GRAY)
    strips = image[:, -24:]
    for lag in (3, 6, 9, 12):
        assert np.abs(strips[:, lag:] - strips[:, :-lag]).mean() > 0.6 * usual, lag
