"""The built-in styles as PNG files, painted when first requested and then kept in the data folder."""

import asyncio
import uuid
from pathlib import Path
from typing import Literal

from anyio import to_thread

from nst_engine.paintings import paint

StyleSize = Literal["picture", "thumbnail"]
SIDES = {"picture": 512, "thumbnail": 192}


class BuiltinStyles:
    """Paint the built-in styles into a folder, one at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._painting = folder, asyncio.Lock()

    async def path(self, name: str, size: StyleSize = "picture") -> Path:
        """Return the file of a style; a thumbnail is painted small, which is several times faster."""
        path = self._folder / f"{name}-{SIDES[size]}.png"
        if not path.exists():
            async with self._painting:
                if not path.exists():
                    await to_thread.run_sync(_paint, name, SIDES[size], path)
        return path


def _paint(name: str, side: int, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{uuid.uuid4().hex}.part")  # another process may paint the same style
    try:
        paint(name, side).save(draft, "PNG")
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
