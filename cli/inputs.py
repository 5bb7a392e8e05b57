"""The pictures that a command is given: files, folders, patterns, and names of built-in styles."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING

from cli.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".avif", ".heic", ".heif"}


def contents(given: str) -> list[Path]:
    """Return the one file, the pictures of a folder, or what a pattern matches; raises InputError if that is none."""
    path = Path(given)
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if file.suffix.lower() in ENDINGS and file.is_file())
    elif glob.has_magic(given) and not path.exists():
        found = sorted(Path(name) for name in glob.glob(given, recursive=True) if Path(name).is_file())  # noqa: PTH207
    else:
        return [path]
    if not found:
        raise InputError(f"{given}: no picture there")
    return found


def read(path: Path) -> Image:
    """Read a picture; raises InputError naming the file."""
    from nst_engine.images.reading import read_picture
    from nst_engine.spec.errors import PictureError

    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        return read_picture(path)
    except PictureError as error:
        raise InputError(f"{path}: {error.message}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None


def read_style(style: str, size: int) -> Image:
    """Read a style's file, or paint the built-in style of that name."""
    from nst_engine.paintings import LARGEST, STYLES, paint

    if style in STYLES and not Path(style).exists():
        return paint(style, min(size, LARGEST))
    if not Path(style).is_file():
        raise InputError(f"{style}: no such file, and no built-in style of that name (see `nst styles`)")
    return read(Path(style))
