"""The built-in styles as files: painted when first asked for, then kept under the data folder."""

from pathlib import Path

from anyio import to_thread

from api.services import Services
from nst_engine.paintings import paint

SIZE = 512
THUMBNAIL_SIZE = 192


async def painting(services: Services, name: str) -> Path:
    """Return the file of a built-in style."""
    return await _painted(services, name, SIZE)


async def thumbnail(services: Services, name: str) -> Path:
    """Return the file of a small picture of a built-in style; it is painted small, which is several times quicker."""
    return await _painted(services, name, THUMBNAIL_SIZE)


async def _painted(services: Services, name: str, size: int) -> Path:
    path = services.job_settings.data_dir / "paintings" / f"{name}-{size}.png"
    if not path.exists():
        async with services.painting:
            if not path.exists():
                await to_thread.run_sync(_paint, name, size, path)
    return path


def _paint(name: str, size: int, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    paint(name, size).save(draft, "PNG")
    draft.replace(path)
