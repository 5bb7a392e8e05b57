"""Conversions take turns, are bounded for each owner, and copy a picture only when it is its turn."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from api.decoding.conversions import MAX_CONVERSIONS_PER_KEY, Conversions
from api.problems import ProblemError
from jobs.errors import StorageFull
from jobs.storage.disk import DiskBlobs
from jobs.storage.temporary_files import TemporaryFiles
from tests.api.conftest import until

pytestmark = pytest.mark.anyio


class OneTurn:
    """A decoder with one turn for each owner, which lasts until `go`."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.started = 0
        self._turns: dict[str, asyncio.Lock] = {}

    @asynccontextmanager
    async def turn(self, owner: str) -> AsyncIterator[None]:
        async with self._turns.setdefault(owner, asyncio.Lock()):
            yield

    async def decode(self, source: Path, target: Path, *, part: str) -> bool:
        await self.convert(source, target, part)
        return False

    async def convert(self, source: Path, target: Path, format_name: str) -> None:
        self.started += 1
        await self.go.wait()
        target.write_bytes(source.read_bytes() + format_name.encode())

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("task", ["convert", "decode"])
async def test_conversions_are_bounded_and_wait_without_a_copy(task: str, tmp_path: Path) -> None:
    blobs, files, decoder = DiskBlobs(tmp_path / "blobs"), TemporaryFiles(tmp_path / "x", max_age_seconds=1), OneTurn()
    blobs.put("job/result.png", b"picture ", "image/png")
    conversions = Conversions(decoder, blobs, files)

    async def convert(owner: str) -> bytes:
        if task == "convert":
            return await conversions.convert("job/result.png", "webp", owner=owner)
        stored = await conversions.decode("job/result.png", "new/mask-0", owner=owner, part="webp")
        return blobs.read(stored.ref.name)

    running = [asyncio.create_task(convert("ann")) for _ in range(MAX_CONVERSIONS_PER_KEY)]
    await until(lambda: decoder.started == 1)
    with pytest.raises(ProblemError) as refused:
        await convert("ann")
    assert refused.value.status == 429
    running.append(asyncio.create_task(convert("bob")))
    await until(lambda: decoder.started == 2)
    assert len(list(files.path.iterdir())) == 2
    gone = running.pop(5)
    gone.cancel()
    await asyncio.wait([gone])
    running.append(asyncio.create_task(convert("ann")))
    decoder.go.set()
    assert set(await asyncio.gather(*running)) == {b"picture webp"}
    assert list(files.path.iterdir()) == []


async def test_a_decoded_picture_is_not_stored_without_room_for_it(tmp_path: Path) -> None:
    files, decoder = TemporaryFiles(tmp_path / "x", max_age_seconds=1), OneTurn()
    decoder.go.set()
    DiskBlobs(tmp_path / "blobs").put("job/content", b"picture", "image/png")
    conversions = Conversions(decoder, DiskBlobs(tmp_path / "blobs", min_free_bytes=2**62), files)
    with pytest.raises(StorageFull):
        await conversions.decode("job/content", "new/mask-0", owner="ann", part="mask")
    assert list(files.path.iterdir()) == []
