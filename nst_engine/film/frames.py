"""What both kinds of readers share: limits, what a file holds, and a frame that is not converted yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from PIL import Image

from nst_engine.spec.errors import FilmError

SLOWEST = Fraction(1, 10_000)  # frames a second
ROUNDING = Fraction(1, 1000)  # seconds: a WebM rounds its times to milliseconds


@dataclass(frozen=True, kw_only=True)
class FilmLimits:
    """Bound what a film may be.

    max_seconds and max_frames bound the part that is painted, after `fps` has thinned it out. max_decoded bounds the
    frames in the whole file, all of which may have to be decoded. max_pixels is that of one frame.
    interrupt: called for each frame of the file; reading ends with what it raises.
    """

    max_seconds: float = 60.0
    max_frames: int = 1800
    max_decoded: int = 20_000
    max_pixels: int = 3840 * 2160
    min_side: int = 16
    interrupt: Callable[[], None] = lambda: None

    def check_size(self, width: int, height: int) -> None:
        """Raise FilmError if a frame is too large or too small."""
        if width * height > self.max_pixels:
            most = self.max_pixels / 1e6
            raise FilmError(
                "film_too_large",
                f"the film has {width} x {height} pixels, which is more than {most:.3g} million; use a smaller one",
            )
        if min(width, height) < self.min_side:
            message = f"the film has {width} x {height} pixels; a side needs at least {self.min_side}"
            raise FilmError("film_too_small", message)

    def check_decoded(self, count: int) -> None:
        """Raise FilmError if a file has more frames than may be decoded; to be called for each one."""
        self.interrupt()
        if count > self.max_decoded:
            message = f"the film has more than {self.max_decoded} frames; use a shorter one"
            raise FilmError("film_too_many_frames", message)


@dataclass(frozen=True, kw_only=True)
class FilmInfo:
    """What a film file holds.

    width, height: of the upright frames. rate: the frames a second of the result unless `fps` says otherwise.
    frames: those in the file, of which each may last for a different time. seconds: until the last one ends.
    sound: the codec of the sound, or None without sound.
    """

    format: str
    width: int
    height: int
    rate: Fraction
    frames: int
    seconds: Fraction
    sound: str | None = None


@dataclass(frozen=True, kw_only=True)
class FilmPlan:
    """The frames that are painted: `frames` of them, `rate` a second, from second `start` to `end` of the film."""

    rate: Fraction
    start: Fraction
    end: Fraction
    frames: int


@dataclass(frozen=True)
class TimedFrame:
    """A frame, and the second at which it appears. It is converted only if it is used."""

    time: Fraction
    convert: Callable[[], Image.Image]


def frame_rate(times: list[Fraction], average: Fraction | None = None) -> Fraction:
    """Return the frame rate of frames that appear at `times`: what the file says unless most frames say otherwise.

    Some files have frames that last for different times. There the frame that lasts for the median time decides, the
    shorter of the two in the middle: at its rate, fewer frames are lost. The last time may be the end of the film.
    """
    gaps = sorted(after - before for before, after in pairwise(times) if after > before)
    if not gaps:
        return average or Fraction(1)
    median = 1 / gaps[(len(gaps) - 1) // 2]
    if average and Fraction(9, 10) < average / median < Fraction(11, 10):
        return average
    return median.limit_denominator(100) if median >= 1 else max(SLOWEST, median.limit_denominator(10_000))
