"""The messages between the API and its decoder processes: a JSON array a line."""

from typing import NamedTuple


class FilmTask(NamedTuple):
    """Find out which part of a film is painted, as FilmOptions choose it and FilmLimits bound it."""

    fps: float | None
    start: float | None
    end: float | None
    max_seconds: float
    max_frames: int
    max_pixels: int


class FilmFacts(NamedTuple):
    """What is in a film: `frames` to paint, `rate` a second."""

    media_type: str
    width: int
    height: int
    frames: int
    rate: float


class DecodeTask(NamedTuple):
    """Decode an upload, `part` of a job, into a plain PNG.

    If `format` is set, convert one of the service's own pictures instead; if `film` is set, read a film.
    """

    source: str
    target: str
    part: str
    format: str | None
    max_pixels: int
    seconds: int
    memory_bytes: int
    film: FilmTask | None = None


class DecodeResult(NamedTuple):
    """Success, a refusal of the file (`code` and `message`), or an error of the disk (`errno`)."""

    code: str | None = None
    message: str = ""
    errno: int | None = None
    film: FilmFacts | None = None
    is_black_mask: bool = False
