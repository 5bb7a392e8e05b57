"""Input images: files, folders, glob patterns and built-in styles."""

from __future__ import annotations

import glob
from collections.abc import Sequence
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
    """Paint the built-in style of that name, or read a style image; a name wins over a file, `./` makes it a file."""
    from nst_engine.paintings import LARGEST, paint

    if is_builtin_style(style):
        return paint(style, min(size, LARGEST))
    return read_image(style_file(style))


def styles_to_submit(styles: Sequence[str]) -> tuple[list[Path | bytes], str | None]:
    """Return style images to upload, or none of them and the name of a style that the service has.

    The service takes one name only, so the built-in styles among several are painted here, as the service paints them.
    """
    if len(styles) == 1 and (is_builtin_style(styles[0]) or not _may_be_a_file(styles[0])):
        return [], styles[0]
    return [_painted(style) if is_builtin_style(style) else style_file(style) for style in styles], None


def is_builtin_style(style: str) -> bool:
    """Tell whether this is the name of a built-in style, and say so if a file has the same name."""
    try:
        from nst_engine.paintings import STYLES
    except ModuleNotFoundError:  # a plain installation has no numpy
        return False
    if style in STYLES and Path(style).is_file():
        typer.echo(f"{style} is the built-in style; write ./{style} for the file", err=True)
    return style in STYLES


def style_file(style: str) -> Path:
    """Return the path of a style image; raises InputError if there is no such file."""
    path = Path(style)
    if not path.is_file():
        raise InputError(f"{style}: neither a file nor a built-in style (`nst styles` lists those)")
    return path


def _may_be_a_file(style: str) -> bool:
    path = Path(style)
    return path.is_file() or bool(path.suffix) or path.name != style


def _painted(style: str) -> bytes:
    from nst_engine.images.writing import encode
    from nst_engine.paintings import paint

    return encode(paint(style), "png")
