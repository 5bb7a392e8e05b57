"""Conversions of stored pictures into the format that a client asks for."""

import shutil
from pathlib import Path

from anyio import to_thread

from api.decoding.pool import Decoder
from api.security.concurrency import ConcurrencyLimit
from jobs.storage.blobs import Blobs
from jobs.storage.temporary_files import TemporaryFiles

MAX_CONVERSIONS, MAX_CONVERSIONS_PER_KEY = 256, 32  # running and waiting


class Conversions:
    """Convert pictures in decoder processes; each waits for its owner's turn, as uploads do."""

    def __init__(self, decoder: Decoder, blobs: Blobs, temporary_files: TemporaryFiles) -> None:
        self._decoder, self._blobs, self._temporary_files = decoder, blobs, temporary_files
        self._limit = ConcurrencyLimit(
            "too_many_conversions",
            "too many pictures are being converted",
            per_key=MAX_CONVERSIONS_PER_KEY,
            total=MAX_CONVERSIONS,
        )

    async def convert(self, blob: str, format_name: str, *, owner: str) -> bytes:
        """Return the picture in another format; raise a 429 or a 503 if too many conversions wait."""
        with self._limit.hold(owner):
            async with self._decoder.turn(owner):
                return await self._convert(blob, format_name)

    async def decode(self, blob: str, part: str, *, owner: str) -> bytes:
        """Return the PNG that an upload of the picture as `part` of a job would become; raises PictureError."""
        with self._temporary_files.folder("convert-") as folder:
            source, target = folder / "source", folder / "target"
            await to_thread.run_sync(_copy_blob, self._blobs, blob, source)
            await self._decoder.decode(source, target, owner=owner, part=part)
            return await to_thread.run_sync(target.read_bytes)

    async def _convert(self, blob: str, format_name: str) -> bytes:
        with self._temporary_files.folder("convert-") as folder:
            source, target = folder / "source", folder / "target"
            await to_thread.run_sync(_copy_blob, self._blobs, blob, source)
            await self._decoder.convert(source, target, format_name)
            return await to_thread.run_sync(target.read_bytes)


def _copy_blob(blobs: Blobs, name: str, target: Path) -> None:
    with blobs.open(name) as file, target.open("wb") as copy:
        shutil.copyfileobj(file, copy)
