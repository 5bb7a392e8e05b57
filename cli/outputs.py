"""The pictures that a command leaves: where, in which format, and never half written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

    from nst_engine import Step

FRAMES = 48  # of a time-lapse
# Told here too, so that `nst jobs` writes pictures where nothing is installed that could read them.
FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp", ".tif": "tiff", ".tiff": "tiff"}


def targets(output: Path | None, contents: Sequence[Path], styles: Sequence[str], *, many: bool) -> list[Path]:
    """Say where each picture goes; without a file's name it is made from both inputs. Raises InputError.

    `many`: a folder or a pattern was given, though it may hold one picture; their folder is made where it is missing.
    """
    if output is not None and output.suffix and not output.is_dir():
        if len(contents) > 1:
            raise InputError(f"--output: {output} is one file, but there are {len(contents)} pictures: name a folder")
        written_as(output)
        return [output]
    folder = output or Path()
    if not many and not folder.is_dir():
        raise InputError(f"--output: {folder} has no ending such as .png, and there is no such folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--output: {folder}: {error.strerror}") from None
    manner = "-".join(Path(style).stem for style in styles)
    return [folder / f"{content.stem}-{manner}.png" for content in contents]


def written_as(output: Path) -> str:
    """Return the format that a file's name asks for; raises InputError before any work is done."""
    kind = FORMATS.get(output.suffix.lower())
    if kind is None:
        raise InputError(f"--output: {output.name} has none of the endings {', '.join(sorted(FORMATS))}")
    if not output.parent.is_dir():
        raise InputError(f"--output: there is no folder {output.parent}")
    return kind


def write(step: Step, output: Path, *, quality: int | None = None, parameters: dict[str, Any] | None = None) -> None:
    """Write a step's picture, a TIFF with 16 bits, with the parameters in the file."""
    from nst_engine.images.reading import encode, encode16
    from nst_engine.tensors import to_picture, to_uint16

    kind = written_as(output)
    if kind == "tiff":
        write_file(output, encode16(to_uint16(step.image()), metadata=parameters))
    else:
        write_file(output, encode(to_picture(step.image()), kind, quality=quality, metadata=parameters))


def write_file(output: Path, data: bytes) -> None:
    """Write a file whole or not at all; raises InputError."""
    unfinished = output.with_name(f".{output.name}.part")
    try:
        unfinished.write_bytes(data)
        unfinished.replace(output)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise InputError(f"{output}: {error.strerror}") from None


@dataclass(kw_only=True)
class OutputWriter:
    """What is kept of a run on its way: a picture every so many steps, and frames of a time-lapse."""

    output: Path
    every: int | None = None
    timelapse: bool = False
    frames: list[Image] = field(default_factory=list)

    def see(self, step: Step) -> None:
        """Look at a step."""
        from nst_engine.tensors import to_picture

        if self.every and step.iteration % self.every == 0:
            write(step, self.output.with_stem(f"{self.output.stem}.{step.iteration:05d}"))
        if self.timelapse and step.iteration % max(1, step.total // FRAMES) == 0:
            self.frames.append(to_picture(step.image()))

    def close(self) -> Path | None:
        """Write the time-lapse beside the picture and say where it is."""
        from nst_engine.images.reading import timelapse

        if not self.frames:
            return None
        path = self.output.with_name(f"{self.output.stem}-timelapse.webp")
        write_file(path, timelapse(self.frames))
        self.frames.clear()
        return path
