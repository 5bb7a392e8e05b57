"""Conversions of stored pictures into the format that a client asks for, or that a part of a job has."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from anyio import to_thread

from api.decoding.pool import Decoder
from api.security.concurrency import ConcurrencyLimit
from jobs.model import BlobRef
from jobs.storage.blobs import Blobs
from jobs.storage.temporary_files import TemporaryFiles

MEDIA_TYPE = "image/png"  # of what a decoder makes of an upload
MAX_CONVERSIONS, MAX_CONVERSIONS_PER_KEY = 256, 32  # running and waiting


class StoredPicture(NamedTuple):
    """A picture of a job in the storage."""

    ref: BlobRef
    is_black_mask: bool = False


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
        async with self._local_copy(blob, owner) as source:
            target = source.with_name("target")
            await self._decoder.convert(source, target, format_name)
            return await to_thread.run_sync(target.read_bytes)

    async def decode(self, blob: str, name: str, *, owner: str, part: str) -> StoredPicture:
        """Store the PNG that an upload of the picture as `part` of a job would become as the blob `name`.

        Raises PictureError, and a 429 or a 503 if too many conversions wait.
        """
        async with self._local_copy(blob, owner) as source:
            target = source.with_name("target")
            is_black = await self._decoder.decode(source, target, part=part)
            return StoredPicture(await to_thread.run_sync(self._blobs.take, name, target, MEDIA_TYPE), is_black)

    @asynccontextmanager
    async def _local_copy(self, blob: str, owner: str) -> AsyncIterator[Path]:
        """Wait for the owner's turn, then copy a blob to a temporary file: those that wait take no room on the disk."""
        with self._limit.hold(owner):
            async with self._decoder.turn(owner):
                with self._temporary_files.folder("convert-") as folder:
                    source = folder / "source"
                    await to_thread.run_sync(_copy_blob, self._blobs, blob, source)
                    yield source


def _copy_blob(blobs: Blobs, name: str, target: Path) -> None:
    with blobs.open(name) as file, target.open("wb") as copy:
        shutil.copyfileobj(file, copy)
