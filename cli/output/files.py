"""Output files: their paths and formats, checks before the work, and writing that does not lose a finished image."""

from __future__ import annotations

import os
import stat
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from cli.errors import CommandError, InputError, path_problem

# Listed again here, so that `nst jobs` can write results where Pillow is not installed.
FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp", ".tif": "tiff", ".tiff": "tiff"}
FILM_FORMATS = {".mp4": "mp4", ".webm": "webm", ".gif": "gif", ".webp": "webp"}
PROBE_BYTES = 64 * 1024


def output_paths(output: Path | None, photos: Sequence[Path], styles: Sequence[str], *, many: bool) -> list[Path]:
    """Return the path of each result, named PHOTO-STYLE.png unless a file was named; raises InputError.

    `many` is true for a folder or a pattern, even of a single photo; the output folder is then created.
    """
    if output is not None and output.suffix and not output.is_dir():
        if len(photos) > 1:
            raise InputError(f"--output: {output} is a single file, but there are {len(photos)} photos: name a folder")
        image_format(output)
        return [output]
    folder = output or Path()
    if not many and not folder.is_dir():
        raise InputError(f"--output: {folder} is not a folder, and has no image extension such as .png")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--output: {path_problem(folder, error)}") from None
    suffix = "-".join(Path(style).stem for style in styles)
    return [folder / f"{name}-{suffix}.png" for name in distinct_names(photos)]


def distinct_names(photos: Sequence[Path]) -> list[str]:
    """Name each photo by its stem; add the extension, then the folders, where several photos share the name.

    Raises InputError if the names still do not differ. Case does not count, because some file systems ignore it.
    """
    root = Path(os.path.commonpath([photo.parent for photo in photos]))
    longer: tuple[Callable[[Path], str], ...] = (
        lambda photo: f"{photo.stem}-{photo.suffix[1:]}",
        lambda photo: "-".join([*photo.relative_to(root).parent.parts, photo.stem, photo.suffix[1:]]),
    )
    names = [photo.stem for photo in photos]
    for lengthen in longer:
        count = Counter(name.casefold() for name in names)
        names = [
            lengthen(photo) if count[name.casefold()] > 1 else name for photo, name in zip(photos, names, strict=True)
        ]
    first: dict[str, Path] = {}
    for photo, name in zip(photos, names, strict=True):
        if (other := first.setdefault(name.casefold(), photo)) != photo:
            raise InputError(f"{other} and {photo} would have the same output file; stylize one of them with --output")
    return names


def image_format(output: Path) -> str:
    """Return the format of an image for a file's extension; raises InputError if the file cannot be written."""
    return _format(output, FORMATS)


def film_format(output: Path) -> str:
    """Return the format of a film for a file's extension; raises InputError if the file cannot be written."""
    return _format(output, FILM_FORMATS, ", because this is a film")


def result_format(output: Path) -> str:
    """Return the format of an image or film for a file's extension; raises InputError like the others."""
    return _format(output, FORMATS | FILM_FORMATS)


def _format(output: Path, formats: Mapping[str, str], reason: str = "") -> str:
    name = formats.get(output.suffix.lower())
    if name is None:
        raise InputError(f"--output: {output.name} must end in one of {', '.join(formats)}{reason}")
    if not output.parent.is_dir():
        raise InputError(f"--output: the folder {output.parent} does not exist")
    return name


def check_output(output: Path, *, overwrite: bool, inputs: Iterable[Path] = ()) -> None:
    """Check before the work that a file can be written and replaces no other; raises InputError.

    A file of the `inputs` is not replaced even with `overwrite`.
    """
    check_replaceable(output, overwrite=overwrite, inputs=inputs)
    probe = _partial(output)
    try:
        probe.write_bytes(bytes(PROBE_BYTES))
        probe.unlink()
    except OSError as error:
        probe.unlink(missing_ok=True)
        raise InputError(f"cannot write to the folder {path_problem(output.parent, error)}") from None


def check_replaceable(output: Path, *, overwrite: bool, inputs: Iterable[Path] = ()) -> None:
    """Check that a path is free, or a file that may be replaced; raises InputError."""
    try:
        existing = output.stat()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise InputError(f"cannot write {path_problem(output, error)}") from None
    else:
        if stat.S_ISDIR(existing.st_mode):
            raise InputError(f"cannot write {output}: it is a folder")
        if any(_is_same_file(path, existing) for path in inputs):
            raise InputError(f"{output} is an input of this command; name another file or folder with --output")
        if not overwrite:
            raise InputError(f"{output} already exists; --overwrite replaces it")


def _is_same_file(path: Path, existing: os.stat_result) -> bool:
    with suppress(OSError):  # a built-in style, a URL, or a file that reading reports as missing
        return os.path.samestat(path.stat(), existing)
    return False


def write_file(output: Path, data: bytes, *, overwrite: bool = True) -> None:
    """Write a file whole or not at all; otherwise keep the data in another folder.

    Raises CommandError, which names the file in the other folder.
    """
    try:
        if overwrite:
            replace_file(output, data)
        else:
            create_file(output, data)
    except OSError as error:
        rescued = _rescue(output.suffix, data)
        where = f"the result is in {rescued}" if rescued else "no other folder takes the result either"
        raise CommandError(f"cannot write {output}: {error.strerror}; {where}") from None


def create_file(output: Path, data: bytes) -> None:
    """Write a new file whole or not at all; raises OSError, also if another run has just written it."""
    output.touch(exist_ok=False)
    try:
        replace_file(output, data)
    except BaseException:
        output.unlink(missing_ok=True)
        raise


def replace_file(output: Path, data: bytes) -> None:
    """Write a file whole or not at all; raises OSError."""
    partial = _partial(output)
    try:
        partial.write_bytes(data)
        partial.replace(output)
    except BaseException:  # Ctrl-C as well
        partial.unlink(missing_ok=True)
        raise


def _partial(output: Path) -> Path:
    """Return a new path in the same folder; its name is short even if the output's is as long as it may be."""
    return output.with_name(f".nst-{uuid.uuid4().hex[:12]}.part")


def _rescue(suffix: str, data: bytes) -> Path | None:
    """Write data to the first folder that takes it: for temporary files, the home folder, or memory."""
    places: tuple[Callable[[], str | Path], ...] = (tempfile.gettempdir, Path.home, lambda: "/dev/shm")
    for place in places:
        try:
            path = Path(place()) / f"nst-{uuid.uuid4().hex[:12]}{suffix}"
            replace_file(path, data)
        except (OSError, RuntimeError):  # Path.home raises RuntimeError
            continue
        return path
    return None
