"""Output images: their paths and formats; a file is written whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

    from nst_engine import Step

TIMELAPSE_FRAMES = 48
# Listed again here, so that `nst jobs` can write images where Pillow is not installed.
FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp", ".tif": "tiff", ".tiff": "tiff"}


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
        raise InputError(f"--output: {folder}: {error.strerror}") from None
    suffix = "-".join(Path(style).stem for style in styles)
    return [folder / f"{photo.stem}-{suffix}.png" for photo in photos]


def image_format(output: Path) -> str:
    """Return the format for a file's extension; raises InputError if the file cannot be written."""
    name = FORMATS.get(output.suffix.lower())
    if name is None:
        raise InputError(f"--output: {output.name} must end in one of {', '.join(sorted(FORMATS))}")
    if not output.parent.is_dir():
        raise InputError(f"--output: the folder {output.parent} does not exist")
    return name


def write_file(output: Path, data: bytes) -> None:
    """Write a file whole or not at all; raises InputError."""
    partial = output.with_name(f".{output.name}.part")
    try:
        partial.write_bytes(data)
        partial.replace(output)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InputError(f"{output}: {error.strerror}") from None


@dataclass(kw_only=True)
class OutputWriter:
    """Writes the files of one run: the result, and previews and a time-lapse if they were asked for."""

    path: Path
    quality: int | None = None
    preview_every: int | None = None
    timelapse: bool = False
    frames: list[Image] = field(default_factory=list)

    def on_step(self, step: Step) -> None:
        """Write a preview, or keep a frame for the time-lapse, if one is due at this step."""
        from nst_engine.tensors import to_picture

        if self.preview_every and step.iteration % self.preview_every == 0:
            preview = self.path.with_stem(f"{self.path.stem}.{step.iteration:05d}")
            write_file(preview, _encode(step, preview))
        if self.timelapse and step.iteration % max(1, step.total // TIMELAPSE_FRAMES) == 0:
            self.frames.append(to_picture(step.image()))

    def write_result(self, step: Step, parameters: dict[str, Any]) -> None:
        """Write the image, with the parameters in its metadata."""
        write_file(self.path, _encode(step, self.path, quality=self.quality, parameters=parameters))

    def write_timelapse(self) -> Path | None:
        """Write the time-lapse next to the result and return its path; None if there are no frames."""
        from nst_engine.images.writing import timelapse

        if not self.frames:
            return None
        path = self.path.with_name(f"{self.path.stem}-timelapse.webp")
        write_file(path, timelapse(self.frames))
        self.frames.clear()
        return path


def _encode(step: Step, path: Path, *, quality: int | None = None, parameters: dict[str, Any] | None = None) -> bytes:
    """Encode a step's image in the format of the path: TIFF with 16 bits a channel, the others with 8."""
    from nst_engine.images.writing import encode, encode16
    from nst_engine.tensors import to_picture, to_uint16

    name = image_format(path)
    if name == "tiff":
        return encode16(to_uint16(step.image()), metadata=parameters)
    return encode(to_picture(step.image()), name, quality=quality, metadata=parameters)
