"""The decoder pool: a picture that crashes, hangs or exhausts memory costs its own process and nothing else."""

import asyncio
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from PIL import Image

from api.decoding import pool as pools
from api.decoding.pool import DecoderPool
from api.problems import ProblemError
from nst_engine.images.writing import encode, is_marked, read_metadata
from nst_engine.spec.errors import PictureError
from tests.api.conftest import picture

pytestmark = pytest.mark.anyio
MIB = 2**20
SECONDS = 30  # more than a picture takes on a busy machine


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a process of a busy machine start slowly; it ends a picture that hangs itself."""
    monkeypatch.setattr(pools, "GRACE_SECONDS", 60)


@pytest.fixture
async def pool() -> AsyncIterator[DecoderPool]:
    found = DecoderPool(processes=1, max_pixels=10**6, seconds=SECONDS, memory_bytes=600 * MIB)
    yield found
    await found.close()


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good"
    path.write_bytes(picture((40, 30)))
    return path


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A picture that a decoder waits for until someone opens it for writing and closes it again."""
    path = tmp_path / "endless"
    os.mkfifo(path)
    return path


async def decode(pool: DecoderPool, source: Path, owner: str = "ann") -> tuple[int, int]:
    """Decode a picture and return the size of the PNG."""
    target = source.with_suffix(f".{owner}.png")
    async with pool.turn(owner):
        await pool.decode(source, target, part="style")
    with Image.open(target, formats=("PNG",)) as image:
        return image.size


async def error_code(pool: DecoderPool, source: Path) -> str:
    with pytest.raises(PictureError) as caught:
        await decode(pool, source)
    return caught.value.code


async def being_decoded(pipe: Path) -> int:
    """Wait until a decoder reads from a pipe and return the other end, which keeps it waiting."""
    async with asyncio.timeout(30):
        while True:
            try:
                return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                await asyncio.sleep(0.005)  # another process: there is nothing to wait on


async def test_a_picture_becomes_a_png(pool: DecoderPool, good: Path) -> None:
    assert await decode(pool, good) == (40, 30)


async def test_a_refusal_is_raised_with_its_code(pool: DecoderPool, tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"<svg/>")
    assert await error_code(pool, tmp_path / "bad") == "not_a_picture"


async def test_a_picture_that_hangs_is_given_up(good: Path, endless: Path) -> None:
    pool = DecoderPool(processes=1, max_pixels=10**6, seconds=3, memory_bytes=600 * MIB)
    assert await error_code(pool, endless) == "picture_too_slow"
    assert await decode(pool, good) == (40, 30)
    await pool.close()


async def test_a_picture_that_needs_too_much_memory_is_refused(good: Path, tmp_path: Path) -> None:
    pool = DecoderPool(processes=1, max_pixels=10**9, seconds=20, memory_bytes=300 * MIB)
    file = io.BytesIO()
    Image.new("L", (12_000, 12_000)).save(file, "PNG")
    (tmp_path / "large").write_bytes(file.getvalue())
    try:
        assert await error_code(pool, tmp_path / "large") in ("picture_too_large", "picture_damaged")
        assert await decode(pool, good) == (40, 30)
    finally:
        await pool.close()


async def test_a_killed_process_is_replaced(pool: DecoderPool, good: Path) -> None:
    await decode(pool, good)
    (process,) = [child for child in psutil.Process().children() if "api.decoding.process" in child.cmdline()]
    process.kill()
    assert await decode(pool, good) == (40, 30)


async def test_the_result_of_a_canceled_task_is_not_given_to_the_next(good: Path, endless: Path) -> None:
    pool = DecoderPool(processes=1, max_pixels=10**6, seconds=30, memory_bytes=600 * MIB)
    canceled = asyncio.create_task(decode(pool, endless))
    pipe = await being_decoded(endless)
    canceled.cancel()
    try:
        assert await decode(pool, good) == (40, 30)
    finally:
        os.close(pipe)
        await pool.close()


async def test_one_owners_uploads_leave_a_process_to_others(good: Path, endless: Path) -> None:
    pool = DecoderPool(processes=2, max_pixels=10**6, seconds=30, memory_bytes=600 * MIB)
    first = asyncio.create_task(error_code(pool, endless))
    pipe = await being_decoded(endless)
    second = asyncio.create_task(decode(pool, good, "ann"))
    try:
        assert await decode(pool, good, "bob") == (40, 30)
        assert not second.done()
    finally:
        os.close(pipe)
    await first
    assert await second == (40, 30)
    await pool.close()


async def test_a_full_disk_is_an_os_error(pool: DecoderPool, good: Path) -> None:
    with pytest.raises(OSError, match="cannot be written"):
        await pool.decode(good, Path("/dev/full"), part="style")


async def test_a_result_is_converted_with_its_parameters_and_its_mark(pool: DecoderPool, tmp_path: Path) -> None:
    source, target = tmp_path / "result.png", tmp_path / "result.jpg"
    source.write_bytes(encode(Image.new("RGB", (20, 20)), "png", metadata={"seed": 9}, mark=True))
    await pool.convert(source, target, "jpeg")
    assert read_metadata(target.read_bytes()) == {"seed": 9}
    assert is_marked(target.read_bytes())


async def test_a_decoder_that_gets_no_time_is_replaced_and_the_client_may_try_again(
    pool: DecoderPool, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(pools, "GRACE_SECONDS", -SECONDS)  # of the time that a picture may take, nothing is left
        with pytest.raises(ProblemError) as caught:
            await decode(pool, good)
    assert (caught.value.status, caught.value.code) == (503, "decoder_busy")
    assert await decode(pool, good) == (40, 30)
