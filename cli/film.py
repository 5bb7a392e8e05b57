"""Painting one film for `nst stylize`."""

from __future__ import annotations

import errno
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from cli.errors import CommandError, InputError
from cli.output.files import check_output, film_format
from cli.parameters import as_input_error

if TYPE_CHECKING:
    from PIL.Image import Image

    from cli.stylizer import Stylizer
    from nst_engine.film.reading import FilmPlan
    from nst_engine.motion.painting import FilmStep
    from nst_engine.spec.film import FilmOptions

ANY_LENGTH = 10_000_000  # frames: on your own machine, a film may be as long as you have time
MOST_PIXELS = 8192 * 4320


def is_film_file(path: Path) -> bool:
    """Tell whether a file is a film; one that cannot be read is not, and reading it as a photo says why."""
    from nst_engine.film.formats import HEAD, is_film

    with suppress(OSError), path.open("rb") as file:
        return is_film(file.read(HEAD))
    return False


def film_options(given: dict[str, float | None]) -> FilmOptions:
    """Return the options --fps, --from and --to; raises InputError."""
    from nst_engine import ConfigError
    from nst_engine.spec.film import FilmOptions

    try:
        return FilmOptions.checked({name: value for name, value in given.items() if value is not None})
    except ConfigError as error:
        raise as_input_error(error) from None


def film_path(output: Path | None, film: Path, styles: list[str]) -> Path:
    """Return the path of the result, named FILM-STYLE.mp4 unless a file was named; raises InputError."""
    if output is not None and output.suffix and not output.is_dir():
        film_format(output)
        return output
    folder = output or Path()
    if not folder.is_dir():
        raise InputError(f"--output: {folder} is not a folder, and has no film extension such as .mp4")
    return folder / f"{film.stem}-{'-'.join(Path(style).stem for style in styles)}.mp4"


@dataclass(frozen=True, kw_only=True)
class FilmJob:
    """One film, and where its result goes; the result replaces none of the `inputs`."""

    source: Path
    inputs: Sequence[Path]
    output: Path
    options: FilmOptions
    quality: int | None
    mark: bool
    overwrite: bool

    def check(self) -> None:
        """Check before the work that the result can be written; raises InputError."""
        check_output(self.output, overwrite=self.overwrite, inputs=self.inputs)

    def run(self, stylizer: Stylizer, *, quiet: bool) -> dict[str, Any]:
        """Paint the film, write it, and return the report; raises CommandError."""
        from nst_engine.film.reading import FilmLimits, plan, probe, read_frames
        from nst_engine.spec.errors import FilmError

        started = time.monotonic()
        limits = FilmLimits(
            max_seconds=ANY_LENGTH, max_frames=ANY_LENGTH, max_decoded=ANY_LENGTH, max_pixels=MOST_PIXELS
        )
        try:
            with self.source.open("rb") as file, self.source.open("rb") as sound:
                info = probe(file, limits)
                chosen = plan(info, self.options, limits)
                frames = read_frames(file, info, chosen, limits)
                report = self._write(stylizer, frames, chosen, sound, quiet=quiet)
        except FilmError as error:
            raise InputError(f"{self.source}: {error.message}") from None
        return report | {"seconds": round(time.monotonic() - started, 2)}

    def _write(
        self,
        stylizer: Stylizer,
        frames: Iterator[Image],
        chosen: FilmPlan,
        sound: BinaryIO,
        *,
        quiet: bool,
    ) -> dict[str, Any]:
        from nst_engine.film.writing import FilmWriter

        parameters = stylizer.config.model_dump(mode="json")
        parameters |= self.options.model_dump(mode="json", by_alias=True, exclude_none=True)
        partial = self.output.with_name(f".nst-{uuid.uuid4().hex[:12]}.part")
        writer = FilmWriter(
            partial,
            film_format(self.output),
            chosen,
            sound=sound,
            quality=self.quality,
            metadata=parameters,
            mark=self.mark,
        )
        finished = False
        try:
            with writer:
                for step in shown(stylizer.film(frames), chosen.frames, quiet=quiet):
                    if step.is_last:
                        writer.add(step.picture())
            finished = True
        except OSError as error:
            raise CommandError(f"cannot write {self.output}: {error.strerror}") from None
        finally:
            if not finished:
                partial.unlink(missing_ok=True)
        self._put_in_place(partial)
        width, height = writer.size
        return {
            "output": str(self.output),
            "width": width,
            "height": height,
            "frames": writer.frames,
            "fps": float(chosen.rate),
            "sound": writer.has_sound,
            "parameters": parameters,
        }

    def _put_in_place(self, partial: Path) -> None:
        """Give a finished film its name; if that fails, keep it beside and raise CommandError, which names it."""
        try:
            if not self.overwrite and self.output.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            partial.replace(self.output)
        except OSError as error:
            kept = partial.with_name(partial.stem.removeprefix(".") + self.output.suffix)
            try:
                partial.rename(kept)
            except OSError:
                kept = partial
            raise CommandError(f"cannot write {self.output}: {error.strerror}; the result is in {kept}") from None


def shown(steps: Iterator[FilmStep], frames: int, *, quiet: bool) -> Iterator[FilmStep]:
    """Yield the steps and show how many frames are painted."""
    from cli.terminal import RunState, progress_display
    from nst_engine.run.throughput import Throughput

    first = next(steps, None)  # errors in the input come before the bar is drawn
    if first is None:
        return
    throughput, computed = Throughput(), 0
    with progress_display(quiet=quiet) as show:
        for step in chain((first,), steps):
            yield step
            computed += step.total > 0
            pixels_left = step.pixels_left(frames)
            throughput.measure(computed, pixels=step.width * step.height, pixels_left=pixels_left)
            show(
                RunState(
                    status="painting frames",
                    done=step.frame + (step.iteration / step.total if step.total else 1),
                    total=frames,
                    loss=step.loss,
                    note=f"{step.width} x {step.height}",
                    seconds_left=throughput.seconds_left,
                )
            )
