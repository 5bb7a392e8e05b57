"""The files of one run: the result, previews and a time-lapse."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli.inputs import is_result
from cli.output.files import check_output, check_replaceable, image_format, replace_file, write_file

if TYPE_CHECKING:
    from PIL.Image import Image

    from nst_engine import Step

TIMELAPSE_FRAMES = 48


@dataclass(kw_only=True)
class OutputWriter:
    """Writes the files of one run; each contains the `parameters` and says, with `mark`, that a network made it."""

    path: Path
    parameters: dict[str, Any]
    mark: bool = True
    quality: int | None = None
    preview_every: int | None = None
    timelapse: bool = False
    overwrite: bool = False
    inputs: Sequence[Path] = ()
    alpha_mode: str = "keep"
    alpha: Image | None = None
    frames: list[Image] = field(default_factory=list)

    @property
    def timelapse_path(self) -> Path:
        """Return the path of the time-lapse, next to the result."""
        return self.path.with_name(f"{self.path.stem}-timelapse.webp")

    @property
    def keeps_alpha(self) -> bool:
        """Tell whether the format of the result has an alpha channel."""
        from nst_engine.images.writing import WRITABLE

        return WRITABLE[image_format(self.path)].alpha

    def check(self) -> None:
        """Check before the run that its files can be written; raises InputError."""
        check_output(self.path, overwrite=self.overwrite, inputs=self.inputs)
        if self.timelapse:
            check_output(self.timelapse_path, overwrite=self.overwrite, inputs=self.inputs)
        if self.preview_every:
            check_output(self._preview_path(0), overwrite=True, inputs=self.inputs)
            for path in self._existing_previews(self.preview_every):  # those of an interrupted run are replaced
                check_replaceable(path, overwrite=self.overwrite or is_result(path), inputs=self.inputs)

    def on_step(self, step: Step) -> None:
        """Write a preview, or keep a frame for the time-lapse, if one is due at this step."""
        from nst_engine.tensors import to_picture

        if self.preview_every and step.iteration % self.preview_every == 0:
            self._write_preview(step)
        if self.timelapse and step.iteration % max(1, step.total // TIMELAPSE_FRAMES) == 0:
            self.frames.append(to_picture(step.image()))

    def write_result(self, step: Step) -> None:
        """Write the image, with the parameters in its metadata; raises CommandError."""
        write_file(self.path, self._encode(step, quality=self.quality), overwrite=self.overwrite)

    def write_timelapse(self) -> Path | None:
        """Write the time-lapse and return its path; None if there are no frames. Raises CommandError."""
        from nst_engine.images.writing import timelapse

        if not self.frames:
            return None
        data = timelapse(self.frames, metadata=self.parameters, mark=self.mark)
        self.frames.clear()
        write_file(self.timelapse_path, data, overwrite=self.overwrite)
        return self.timelapse_path

    def _preview_path(self, iteration: int) -> Path:
        return self.path.with_stem(f"{self.path.stem}.{iteration:05d}")

    def _existing_previews(self, every: int) -> Iterator[Path]:
        name = re.compile(rf"{re.escape(self.path.stem)}\.([0-9]{{5,}}){re.escape(self.path.suffix)}")
        for path in self.path.parent.iterdir():
            found = name.fullmatch(path.name)
            if found and int(found[1]) % every == 0 and path.is_file():
                yield path

    def _write_preview(self, step: Step) -> None:
        """Write a preview; if that fails, say so and write no more, because the run matters more."""
        path = self._preview_path(step.iteration)
        try:
            replace_file(path, self._encode(step))
        except OSError as error:
            typer.echo(f"nst: cannot write {path}: {error.strerror}; no more previews are written", err=True)
            self.preview_every = None

    def _encode(self, step: Step, *, quality: int | None = None) -> bytes:
        """Encode a step's image in the format of the path: TIFF with 16 bits a channel, the others with 8."""
        from nst_engine.images.writing import encode, encode16
        from nst_engine.tensors import to_picture, to_uint16

        name, metadata, mark = image_format(self.path), self.parameters, self.mark
        if name == "tiff":
            return encode16(to_uint16(step.image()), alpha=self.alpha, metadata=metadata, mark=mark)
        picture = to_picture(step.image())
        return encode(picture, name, alpha=self.alpha, quality=quality, metadata=metadata, mark=mark)
