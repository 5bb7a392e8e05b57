"""Reading GIF, animated WebP and animated PNG with Pillow."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from itertools import count
from typing import BinaryIO

from PIL import Image

from nst_engine.film.frames import FilmInfo, FilmLimits, TimedFrame, frame_rate
from nst_engine.images.alpha import WHITE, split_alpha
from nst_engine.images.decoded import DECODER_ERRORS
from nst_engine.spec.errors import FilmError

DEFAULT_SECONDS = Fraction(1, 10)  # how long browsers show a frame that says `TOO_SHORT` or less
TOO_SHORT = Fraction(1, 100)


def probe_animation(file: BinaryIO, name: str, limits: FilmLimits) -> FilmInfo:
    """Read all frames of a file; raises FilmError."""
    times, seconds, size = [], Fraction(0), (0, 0)
    with _opened(file, name, limits) as image:
        size = image.size
        for _ in _each_frame(image, limits):
            times.append(seconds)
            seconds += _duration(image)
    if not times:
        raise FilmError("film_empty", "the film has no frames")
    if len(times) == 1:
        raise FilmError("film_still", "the file holds a single picture; save it as PNG, JPEG or WebP")
    return FilmInfo(
        format=name,
        width=size[0],
        height=size[1],
        rate=frame_rate([*times, seconds], len(times) / seconds),
        frames=len(times),
        seconds=seconds,
    )


def animation_frames(file: BinaryIO, name: str, limits: FilmLimits) -> Iterator[TimedFrame]:
    """Yield the frames on white; raises FilmError."""
    time = Fraction(0)
    with _opened(file, name, limits) as image:
        for _ in _each_frame(image, limits):
            yield TimedFrame(time, partial(_on_white, image.convert("RGBA")))
            time += _duration(image)


@contextmanager
def _opened(file: BinaryIO, name: str, limits: FilmLimits) -> Iterator[Image.Image]:
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the limits decide about large pictures, and a damaged file is refused
        try:
            with Image.open(file, formats=(name.upper(),)) as image:
                limits.check_size(*image.size)
                yield image
        except (*DECODER_ERRORS, Image.DecompressionBombError) as error:
            if "truncated" in str(error).lower():
                raise FilmError("film_truncated", "the film file is cut short") from None
            raise FilmError("film_damaged", "the film file is damaged and cannot be decoded") from None
        except MemoryError:
            raise FilmError("film_too_large", "the film needs too much memory to decode") from None


def _each_frame(image: Image.Image, limits: FilmLimits) -> Iterator[None]:
    """Move to each frame in turn and decode it."""
    size = image.size
    first = 1 if getattr(image, "default_image", False) else 0  # a PNG may have a still picture for other programs
    for place in count(first):
        try:
            image.seek(place)
        except EOFError:
            return
        if image.size != size:  # Pillow enlarges a GIF for a frame that goes beyond it
            raise FilmError("film_damaged", "a frame goes beyond the edges of the film; save the film again")
        image.load()
        limits.check_decoded(place)
        yield


def _on_white(picture: Image.Image) -> Image.Image:
    return split_alpha(picture, WHITE)[0].convert("RGB")


def _duration(image: Image.Image) -> Fraction:
    seconds = Fraction(image.info.get("duration", 0)).limit_denominator(1000) / 1000  # a PNG may say 1/60 second
    return seconds if seconds > TOO_SHORT else DEFAULT_SECONDS
