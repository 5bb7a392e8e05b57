import numpy as np
import pytest

from nst_engine.paintings import STYLES, paint
from nst_engine.spec.errors import ConfigError


def pixels(name: str, size: int, seed: int = 0) -> np.ndarray:
    return np.asarray(paint(name, size, seed), np.float32)


@pytest.mark.parametrize("name", STYLES)
def test_a_seed_gives_the_same_picture_again(name: str) -> None:
    assert np.array_equal(pixels(name, 48), pixels(name, 48))


@pytest.mark.parametrize("name", STYLES)
def test_another_seed_gives_another_picture(name: str) -> None:
    assert not np.array_equal(pixels(name, 48), pixels(name, 48, seed=1))


@pytest.mark.parametrize("name", STYLES)
def test_it_is_square_rgb_with_light_and_dark(name: str) -> None:
    picture = paint(name, 64)
    assert (picture.mode, picture.size) == ("RGB", (64, 64))
    assert np.ptp(np.asarray(picture.convert("L"), np.float32)) > 100


@pytest.mark.parametrize("name", STYLES)
def test_the_composition_is_the_same_at_every_size(name: str) -> None:
    small = np.asarray(paint(name, 96).convert("L").resize((12, 12)), np.float32).ravel()
    large = np.asarray(paint(name, 192).convert("L").resize((12, 12)), np.float32).ravel()
    assert np.corrcoef(small, large)[0, 1] > 0.8


def test_no_two_styles_look_alike() -> None:
    """Their histograms of color (4 x 4 x 4 bins) overlap by less than nine tenths."""
    pictures = [pixels(name, 64).reshape(-1, 3) for name in STYLES]
    counts = [np.histogramdd(picture, bins=4, range=[(0, 256)] * 3)[0].ravel() / len(picture) for picture in pictures]
    overlaps = [np.minimum(counts[i], counts[j]).sum() for i in range(len(counts)) for j in range(i)]
    assert max(overlaps) < 0.9


def test_there_are_at_least_eight() -> None:
    assert len(STYLES) >= 8


def test_an_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ConfigError, match="flow-strokes") as caught:
        paint("fresco")
    assert caught.value.problems[0].field == "style_name"


@pytest.mark.parametrize("size", [0, -5, 15, 4097])
def test_a_size_out_of_bounds_is_refused(size: int) -> None:
    with pytest.raises(ConfigError, match="16 to 4096"):
        paint("waves", size)
