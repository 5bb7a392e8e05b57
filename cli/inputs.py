"""Input images: files, folders, glob patterns and built-in styles."""

from __future__ import annotations

import glob
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.errors import InputError, path_problem

if TYPE_CHECKING:
    from PIL.Image import Image

EXTENSIONS = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".avif", ".heic", ".heif"}


def find_photos(content: str) -> list[Path]:
    """Return the file, the images in the folder or the files that match the pattern; raises InputError if none do.

    Results of earlier runs in the folder are left out. A result that is named alone is a photo like any other.
    """
    if not content:
        raise InputError("CONTENT is empty; name a photo, a folder, a pattern or a film")
    path = Path(content)
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if _is_photo(file))
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


def _is_photo(path: Path) -> bool:
    """Tell a photo by its name; macOS keeps what is no part of a file in another one, `._` and its name."""
    return path.suffix.lower() in EXTENSIONS and not path.name.startswith("._") and path.is_file()


def is_result(path: Path) -> bool:
    """Tell whether a file is an image that `nst` has stylized: it contains the parameters of the run."""
    from nst_engine.images.writing import read_metadata

    with suppress(Exception):  # whatever is wrong with the file, reading the photo reports it
        return "steps" in (read_metadata(path.read_bytes()) or {})
    return False


def read_image(path: Path) -> Image:
    """Read an image file, transparent parts on white; raises InputError naming the file."""
    from nst_engine.images.reading import read_picture

    return _read(path, read_picture)


def read_photo(path: Path, alpha: str, *, keep: bool) -> tuple[Image, Image | None]:
    """Return the picture to paint or to start from, and the alpha of the result if it is to `keep` one.

    Raises InputError naming the file.
    """
    from nst_engine.images.alpha import KEEP, WHITE, split_alpha
    from nst_engine.images.reading import read_with_alpha

    return split_alpha(_read(path, read_with_alpha), WHITE if alpha == KEEP and not keep else alpha)


def read_mask_image(path: Path) -> Image:
    """Read a mask, which may be drawn in alpha; raises InputError naming the file."""
    from nst_engine.images.reading import read_mask

    return _read(path, read_mask)


def _read(path: Path, read: Callable[[Path], Image]) -> Image:
    from nst_engine.spec.errors import PictureError

    try:
        if not path.is_file():
            raise InputError(f"{path}: {_no_file(path)}")
        return read(path)
    except PictureError as error:
        raise InputError(f"{path}: {error.message}") from None
    except OSError as error:
        raise InputError(path_problem(path, error)) from None


def _no_file(path: Path) -> str:
    if path.is_dir():
        return "a folder, not a picture; name a file in it"
    return "not a regular file; save the picture to one first" if path.exists() else "no such file"


def read_style(style: str, size: int) -> Image:
    """Paint the built-in style of that name, or read a style image; a name wins over a file, `./` makes it a file."""
    from nst_engine.paintings import LARGEST, paint

    if is_builtin_style(style):
        return paint(style, min(size, LARGEST))
    return read_image(style_file(style))


def picture_to_submit(picture: str) -> str | Path:
    """Return a URL as it is, or the path of a file; raises InputError if it is empty."""
    if not picture:
        raise InputError("the name of a picture is empty")
    return picture if is_url(picture) else Path(picture)


def styles_to_submit(styles: Sequence[str]) -> list[str | Path]:
    """Return the styles for a request to the service: names of built-in styles, URLs and files."""
    from nst_client import StyleName

    def style_to_submit(style: str) -> str | Path:
        if is_url(style):
            return style
        return StyleName(style) if is_builtin_style(style) or not _may_be_a_file(style) else style_file(style)

    return [style_to_submit(style) for style in styles]


def is_url(picture: str) -> bool:
    """Tell whether this is an address that the service fetches, or a picture that it has."""
    from nst_client.calls import reference_kind

    return reference_kind(picture) is not None


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
        raise InputError(f"{style or 'STYLE is empty'}: neither a file nor a built-in style (`nst styles` lists those)")
    return path


def _may_be_a_file(style: str) -> bool:
    path = Path(style)
    return path.is_file() or bool(path.suffix) or path.name != style
