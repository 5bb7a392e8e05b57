"""The built-in styles as PNG files, painted when first requested and then kept in the data folder."""

import asyncio
from pathlib import Path

from anyio import to_thread

from nst_engine.paintings import paint

SIZE = 512
THUMBNAIL_SIZE = 192


class BuiltinStyles:
    """Paint the built-in styles into a folder, one at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._painting = folder, asyncio.Lock()

    async def painting(self, name: str) -> Path:
        """Return the file of a style."""
        return await self._painted(name, SIZE)

    async def thumbnail(self, name: str) -> Path:
        """Return the file of a small version, which is painted small because that is several times faster."""
        return await self._painted(name, THUMBNAIL_SIZE)

    async def _painted(self, name: str, size: int) -> Path:
        path = self._folder / f"{name}-{size}.png"
        if not path.exists():
            async with self._painting:
                if not path.exists():
                    await to_thread.run_sync(_paint, name, size, path)
        return path


def _paint(name: str, size: int, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    paint(name, size).save(draft, "PNG")
    draft.replace(path)
