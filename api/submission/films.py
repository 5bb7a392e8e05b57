"""Films as the content of a job: how they are told from pictures, and which options go with each."""

from collections.abc import Iterator, Sequence

from api.decoding.task import FilmFacts, FilmTask
from api.problems import InvalidField
from api.settings import ApiSettings
from api.submission.params import JobOptions
from api.submission.sources import Source, Upload
from jobs.model import Film
from nst_engine.film.formats import HEAD, WRITABLE, is_film
from nst_engine.film.writing import GIF_RATE
from nst_engine.images.alpha import KEEP
from nst_engine.images.writing import WRITABLE as PICTURES
from nst_engine.spec.errors import FilmError


def find_film(pictures: Sequence[Source]) -> Upload | None:
    """Return the content of a request if it is a film."""
    for picture in pictures:
        if picture.part == "content" and isinstance(picture, Upload):
            with picture.path.open("rb") as file:
                return picture if is_film(file.read(HEAD)) else None
    return None


def option_problems(options: JobOptions, *, film: bool) -> list[InvalidField]:
    """Return the options that do not go with a film, or those that only go with one."""
    found = _problems_of_film(options) if film else _problems_of_picture(options)
    return [InvalidField(pointer=f"#/{name}", detail=detail) for name, detail in found]


def film_task(options: JobOptions, settings: ApiSettings) -> FilmTask:
    """Return what a decoder process has to know about the wanted part and the limits."""
    return FilmTask(
        fps=options.fps,
        start=options.start,
        end=options.end,
        max_seconds=settings.max_film_seconds,
        max_frames=settings.max_film_frames,
        max_pixels=settings.max_film_pixels,
    )


def film_of(options: JobOptions, facts: FilmFacts) -> Film:
    """Return the film of a job; raises FilmError if the result cannot have its frame rate."""
    if options.output_format == "gif" and facts.rate > GIF_RATE:
        raise FilmError("film_rate", f"a GIF holds at most {GIF_RATE} frames a second; choose fewer with fps")
    return Film(
        frames=facts.frames,
        width=facts.width,
        height=facts.height,
        fps=options.fps,
        start=options.start,
        end=options.end,
        quality=options.quality,
    )


def _problems_of_film(options: JobOptions) -> Iterator[tuple[str, str]]:
    if options.timelapse:
        yield "timelapse", "a film has none; leave it out"
    if options.alpha != KEEP:
        yield "alpha", "a film has no transparency: its frames are put on white; leave it out"
    if options.output_format not in (None, *WRITABLE):
        yield "output_format", f"a film is written as {', '.join(WRITABLE)}"
    if options.output_format == "gif" and options.quality is not None:
        yield "quality", "a GIF has none; leave it out, or choose mp4, webm or webp"


def _problems_of_picture(options: JobOptions) -> Iterator[tuple[str, str]]:
    for name, value in (("fps", options.fps), ("from", options.start), ("to", options.end)):
        if value is not None:
            yield name, "goes with a film, and the content is a picture"
    if options.quality is not None:
        yield "quality", "goes with a film, and the content is a picture"
    if options.output_format not in (None, *PICTURES):
        yield "output_format", f"a picture is written as {', '.join(PICTURES)}"
