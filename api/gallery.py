"""The built-in styles as files: painted when first asked for, then kept under the data folder."""

from pathlib import Path

from anyio import to_thread
from PIL import Image

from api.services import Services
from nst_engine.paintings import paint

SIZE = 512
THUMBNAIL_SIZE = 192


async def painting(services: Services, name: str) -> Path:
    """Return the file of a built-in style."""
    path = _folder(services) / f"{name}-{SIZE}.png"
    if not path.exists():
        async with services.painting:
            if not path.exists():
                await to_thread.run_sync(_paint, name, path)
    return path


async def thumbnail(services: Services, name: str) -> Path:
    """Return the file of a small picture of a built-in style."""
    path = _folder(services) / f"{name}-{THUMBNAIL_SIZE}.png"
    if not path.exists():
        whole = await painting(services, name)
        await to_thread.run_sync(_shrink, whole, path)
    return path


def _folder(services: Services) -> Path:
    return services.job_settings.data_dir / "paintings"


def _paint(name: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _save(paint(name, SIZE), path)


def _shrink(whole: Path, path: Path) -> None:
    with Image.open(whole) as picture:
        _save(picture.resize((THUMBNAIL_SIZE, THUMBNAIL_SIZE), Image.Resampling.LANCZOS), path)


def _save(picture: Image.Image, path: Path) -> None:
    draft = path.with_suffix(".part")
    picture.save(draft, "PNG")
    draft.replace(path)
