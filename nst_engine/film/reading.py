"""Reading films: what a file holds, which frames are painted, and those frames one at a time.

    info = probe(file, limits)                       # once, when the file arrives
    chosen = plan(info, FilmOptions(fps=12), limits) # the frames to paint: number, rate, start and end
    for picture in read_frames(file, info, chosen, limits): ...

Everything here takes an open binary file, never a path or an address, and raises FilmError (a PictureError) with one of
the codes film_damaged, film_truncated, film_empty, film_still, film_without_video, film_unsupported, film_too_large,
film_too_small, film_too_long, film_too_many_frames and not_a_film.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

from PIL import Image

from nst_engine.film.animation import animation_frames, probe_animation
from nst_engine.film.formats import HEAD, NAMES, format_of
from nst_engine.film.formats import is_film as is_film
from nst_engine.film.frames import ROUNDING, TimedFrame
from nst_engine.film.frames import FilmInfo as FilmInfo
from nst_engine.film.frames import FilmLimits as FilmLimits
from nst_engine.film.frames import FilmPlan as FilmPlan
from nst_engine.film.video import import_av, probe_video, video_frames
from nst_engine.spec.errors import FilmError
from nst_engine.spec.film import MAX_RATE, FilmOptions


def probe(file: BinaryIO, limits: FilmLimits | None = None) -> FilmInfo:
    """Return what a film file holds; raises FilmError. All of the file is read, but a video is not decoded."""
    limits = limits or FilmLimits()
    import_av()  # an animation could be read without, but not be painted
    match _format(file):
        case "mov" | "matroska" as demuxer:
            return probe_video(file, demuxer, limits)
        case name:
            return probe_animation(file, name, limits)


def plan(info: FilmInfo, options: FilmOptions | None = None, limits: FilmLimits | None = None) -> FilmPlan:
    """Return the frames to paint; raises FilmError if they are too many or none."""
    options, limits = options or FilmOptions(), limits or FilmLimits()
    start = _seconds(options.start or 0)
    end = info.seconds if options.end is None else min(info.seconds, _seconds(options.end))
    if start >= info.seconds:
        message = f"the film lasts {float(info.seconds):.2f} seconds: nothing is left from second {float(start):g} on"
        raise FilmError("film_empty", message)
    rate = min(info.rate, Fraction(MAX_RATE)) if options.fps is None else _seconds(options.fps)
    frames = max(1, math.ceil((end - start) * rate - Fraction(1, 10)))
    if end - start > limits.max_seconds + ROUNDING:
        message = f"the film has {float(end - start):.2f} seconds to paint, at most {limits.max_seconds:g} are possible"
        raise FilmError("film_too_long", f"{message}; choose a part with from and to")
    if frames > limits.max_frames:
        message = f"the film has {frames} frames to paint, at most {limits.max_frames} are possible"
        raise FilmError("film_too_many_frames", f"{message}; choose fewer with fps, or a part with from and to")
    return FilmPlan(rate=rate, start=start, end=end, frames=frames)


def read_frames(
    file: BinaryIO, info: FilmInfo, chosen: FilmPlan, limits: FilmLimits | None = None, *, first: int = 0
) -> Iterator[Image.Image]:
    """Yield the frames of a plan from number `first` on, upright 8-bit RGB of one size; raises FilmError.

    There are always as many as planned: at each moment of the result, the frame that the film shows at that moment.
    """
    limits = limits or FilmLimits()
    # Timestamps are rounded, up to a millisecond in WebM: half a frame of slack makes up for it.
    slack = Fraction(1, 2) / max(info.rate, chosen.rate)
    due = [chosen.start + number / chosen.rate + slack for number in range(first, chosen.frames)]
    if not due:
        return
    demuxer = _format(file)
    frames = (
        video_frames(file, demuxer, limits, due[0])
        if demuxer in ("mov", "matroska")
        else animation_frames(file, demuxer, limits)
    )
    for frame in _shown(frames, due):
        picture = frame.convert()
        yield picture if picture.size == (info.width, info.height) else picture.resize((info.width, info.height))


def _shown(frames: Iterator[TimedFrame], due: list[Fraction]) -> Iterator[TimedFrame]:
    """Yield the frame that is on at each of the times; raises FilmError if there is no frame."""
    shown, number = None, 0
    for frame in frames:
        while shown is not None and number < len(due) and due[number] < frame.time:
            yield shown
            number += 1
        if number == len(due):
            return
        shown = frame
    if shown is None:
        raise FilmError("film_damaged", "the film file is damaged and cannot be decoded")
    for _ in due[number:]:
        yield shown


def _format(file: BinaryIO) -> str:
    file.seek(0)
    found = format_of(file.read(HEAD))
    if found is None:
        raise FilmError("not_a_film", f"the file is not a film that can be read here; use {NAMES}")
    return found


def _seconds(value: float) -> Fraction:
    return Fraction(value).limit_denominator(100_000)
