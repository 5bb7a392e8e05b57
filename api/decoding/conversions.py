"""Conversions of stored pictures into the format that a client asks for."""

import shutil
from collections import Counter
from pathlib import Path

from anyio import to_thread

from api.decoding.pool import Decoder
from api.security.rate_limits import too_many
from api.temporary_files import TemporaryFiles
from jobs.storage.blobs import Blobs

MAX_CONVERSIONS_PER_KEY = 32  # running and waiting
RETRY_SECONDS = 5


class Conversions:
    """Convert pictures in decoder processes; each waits for its owner's turn, as uploads do."""

    def __init__(self, decoder: Decoder, blobs: Blobs, temporary_files: TemporaryFiles) -> None:
        self._decoder, self._blobs, self._temporary_files = decoder, blobs, temporary_files
        self._open: Counter[str] = Counter()  # by owner

    async def convert(self, blob: str, format_name: str, *, owner: str) -> bytes:
        """Return the picture in another format; raise a 429 if too many conversions of this owner wait."""
        if self._open[owner] >= MAX_CONVERSIONS_PER_KEY:
            raise too_many("too_many_conversions", "too many pictures are being converted", seconds=RETRY_SECONDS)
        self._open[owner] += 1
        try:
            async with self._decoder.turn(owner):
                return await self._convert(blob, format_name)
        finally:
            self._open -= Counter((owner,))  # subtraction drops owners with a count of zero

    async def _convert(self, blob: str, format_name: str) -> bytes:
        with self._temporary_files.folder("convert-") as folder:
            source, target = folder / "source", folder / "target"
            await to_thread.run_sync(_copy_blob, self._blobs, blob, source)
            await self._decoder.convert(source, target, format_name)
            return await to_thread.run_sync(target.read_bytes)


def _copy_blob(blobs: Blobs, name: str, target: Path) -> None:
    with blobs.open(name) as file, target.open("wb") as copy:
        shutil.copyfileobj(file, copy)
