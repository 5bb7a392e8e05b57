"""Decoding apart: what breaks, hangs or eats memory costs its own process and nothing else."""

import asyncio
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from api.decoding.pool import DecoderPool
from nst_engine.images.reading import PictureLimits, encode, read_metadata
from nst_engine.spec.errors import PictureError
from tests.api.conftest import picture

pytestmark = pytest.mark.anyio
MIB = 2**20


@pytest.fixture
async def darkroom() -> AsyncIterator[DecoderPool]:
    found = DecoderPool(processes=1, seconds=1, memory=600 * MIB, limits=PictureLimits())
    yield found
    await found.close()


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good"
    path.write_bytes(picture((40, 30)))
    return path


async def code_of(darkroom: DecoderPool, source: Path) -> str:
    with pytest.raises(PictureError) as caught:
        await darkroom.clean(source, source.with_suffix(".png"))
    return caught.value.code


async def test_a_picture_is_written_clean(darkroom: DecoderPool, good: Path, tmp_path: Path) -> None:
    clean = await darkroom.clean(good, tmp_path / "clean.png")
    assert (clean.width, clean.height, clean.bytes) == (40, 30, (tmp_path / "clean.png").stat().st_size)


async def test_a_refusal_comes_back_as_one(darkroom: DecoderPool, tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"<svg/>")
    assert await code_of(darkroom, tmp_path / "bad") == "not_a_picture"


async def test_one_that_hangs_is_ended(darkroom: DecoderPool, good: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # opening it waits for a writer for ever
    assert await code_of(darkroom, tmp_path / "pipe") == "picture_too_slow"
    await darkroom.clean(good, tmp_path / "clean.png")


async def test_one_that_needs_too_much_memory_is_refused(good: Path, tmp_path: Path) -> None:
    darkroom = DecoderPool(processes=1, seconds=20, memory=300 * MIB, limits=PictureLimits(max_pixels=10**9))
    file = io.BytesIO()
    Image.new("L", (12_000, 12_000)).save(file, "PNG")
    (tmp_path / "large").write_bytes(file.getvalue())
    try:
        assert await code_of(darkroom, tmp_path / "large") in ("picture_too_large", "picture_damaged")
        await darkroom.clean(good, tmp_path / "clean.png")
    finally:
        await darkroom.close()


async def test_a_process_that_was_killed_is_replaced(darkroom: DecoderPool, good: Path, tmp_path: Path) -> None:
    await darkroom.clean(good, tmp_path / "clean.png")
    process = await darkroom._free.get()
    assert process is not None
    process.kill()
    darkroom._free.put_nowait(process)
    await darkroom.clean(good, tmp_path / "clean.png")


async def test_an_answer_nobody_waits_for_is_not_given_to_the_next(
    darkroom: DecoderPool, good: Path, tmp_path: Path
) -> None:
    await darkroom.clean(good, tmp_path / "clean.png")
    os.mkfifo(tmp_path / "pipe")
    left = asyncio.create_task(darkroom.clean(tmp_path / "pipe", tmp_path / "x.png"))
    await asyncio.sleep(0.05)
    left.cancel()
    assert (await darkroom.clean(good, tmp_path / "clean.png")).width == 40


async def test_a_full_disk_is_no_fault_of_the_picture(darkroom: DecoderPool, good: Path, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot be written"):
        await darkroom.clean(good, Path("/dev/full"))


async def test_a_result_is_converted_with_its_parameters(darkroom: DecoderPool, tmp_path: Path) -> None:
    source, target = tmp_path / "result.png", tmp_path / "result.jpg"
    source.write_bytes(encode(Image.new("RGB", (20, 20)), "png", metadata={"seed": 9}))
    await darkroom.convert(source, target, "jpeg")
    assert read_metadata(target.read_bytes()) == {"seed": 9}
