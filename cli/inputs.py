"""Input images: files, folders, glob patterns and built-in styles."""

from __future__ import annotations

import glob
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

EXTENSIONS = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".avif", ".heic", ".heif"}


def find_photos(content: str) -> list[Path]:
    """Return the file, the images in the folder or the files that match the pattern; raises InputError if none do.

    Results of earlier runs in the folder are left out. A result that is named alone is a photo like any other.
    """
    path = Path(content)
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if file.suffix.lower() in EXTENSIONS and file.is_file())
    elif glob.has_magic(content) and not path.exists():
        found = sorted(Path(name) for name in glob.glob(content, recursive=True) if Path(name).is_file())  # noqa: PTH207
    else:
        return [path]
    photos = [file for file in found if not is_result(file)]
    if not photos and found:
        raise InputError(f"{content}: all images there are results of `nst`; name one file to stylize it")
    if not photos:
        raise InputError(f"{content}: no images found")
    if results := len(found) - len(photos):
        typer.echo(f"left out {results} of {len(found)} images in {content}, which are results of `nst`", err=True)
    return photos


def is_result(path: Path) -> bool:
    """Tell whether a file is an image that `nst` has stylized: it contains the parameters of the run."""
    from nst_engine.images.writing import read_metadata

    with suppress(Exception):  # whatever is wrong with the file, reading the photo reports it
        return "steps" in (read_metadata(path.read_bytes()) or {})
    return False


def read_image(path: Path) -> Image:
    """Read an image file; raises InputError naming the file."""
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
    """Read a style image, or paint the built-in style of that name; a file wins over a name."""
    from nst_engine.paintings import LARGEST, STYLES, paint

    if style in STYLES and not Path(style).exists():
        return paint(style, min(size, LARGEST))
    if not Path(style).is_file():
        raise InputError(f"{style}: neither a file nor a built-in style (`nst styles` lists those)")
    return read_image(Path(style))
