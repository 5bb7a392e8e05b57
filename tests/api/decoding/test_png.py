"""Writing PNG: what is read back is what was written, and nothing else is in the file."""

import io

import numpy as np
import pytest
from PIL import Image

from api.decoding.png import ROWS, write_png
from nst_engine.images.reading import read_picture


def written(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    write_png(Image.fromarray(pixels), file)
    return file.getvalue()


def smooth(height: int, width: int) -> np.ndarray:
    """A picture as photographs are: like its surroundings, with some grain."""
    y, x = np.mgrid[:height, :width]
    grain = np.random.default_rng(0).normal(0, 2, (height, width, 3))
    waves = np.stack((np.sin(x / 40), np.cos(y / 50), np.sin((x + y) / 60)), axis=-1)
    return (128 + 90 * waves + grain).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (16, 1), (1, 16), (ROWS, 5), (ROWS + 1, 7), (3 * ROWS - 1, 300)])
def test_pixels_survive_unchanged(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    with Image.open(io.BytesIO(written(pixels))) as checked:
        checked.verify()  # the checksums too
    with Image.open(io.BytesIO(written(pixels))) as found:
        assert (found.format, found.mode, found.info) == ("PNG", "RGB", {})
        assert np.array_equal(np.asarray(found), pixels)


def test_the_engine_reads_it() -> None:
    pixels = smooth(64, 80)
    assert np.array_equal(np.asarray(read_picture(written(pixels))), pixels)


def test_a_photo_is_hardly_larger_than_with_the_fastest_zlib() -> None:
    pixels, file = smooth(512, 512), io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    assert len(written(pixels)) < 1.1 * len(file.getvalue())


def test_another_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="mode CMYK"):
        write_png(Image.new("CMYK", (4, 4)), io.BytesIO())
