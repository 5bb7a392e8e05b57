"""The process that decodes uploads for the API: `python -m api.decoding.process`.

It reads a task a line and forks a child for each, with limits on time and memory. A picture that crashes a decoder or
exhausts its memory ends that child and nothing else; see docs/adr/0008-uploads.md.
"""

import io
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import NoReturn, TextIO

from PIL import Image

from api.decoding.png import write_png
from api.decoding.task import DecodeResult, DecodeTask, FilmFacts, FilmTask
from nst_engine.film.reading import FilmLimits, plan, probe
from nst_engine.images.reading import (
    PictureLimits,
    read_mask,
    read_picture,
    read_with_alpha,
    read_with_alpha_channel,
    register_heif,
)
from nst_engine.images.writing import WRITABLE, encode, is_marked, read_metadata
from nst_engine.spec.errors import PictureError
from nst_engine.spec.film import FilmOptions

READERS = {
    "content": read_with_alpha_channel,
    "mask": read_mask,
    "style_mask": read_mask,
    "init": read_with_alpha,
}
FILM_MEDIA_TYPES = {
    "mp4": "video/mp4",
    "webm": "video/webm",
    "gif": "image/gif",
    "webp": "image/webp",
    "png": "image/png",
}


def decode(source: Path, target: Path, limits: PictureLimits, *, part: str = "") -> bool:
    """Write an upload as a PNG of its pixels: upright 8-bit sRGB without metadata or trailing data.

    The photo keeps its alpha channel, because it may be used as a mask later. The picture to start from keeps it if a
    part is transparent. A mask becomes gray, and a style is put on white. Return whether it is a mask that is black
    everywhere.
    """
    picture = READERS.get(part, read_picture)(source, limits)
    with target.open("wb") as file:
        write_png(picture, file)
    return picture.mode == "L" and picture.getbbox() is None


def convert(source: Path, target: Path, format_name: str) -> None:
    """Write one of the service's own pictures in another format and keep its parameters and its mark."""
    data = source.read_bytes()
    with Image.open(io.BytesIO(data)) as picture:
        target.write_bytes(encode(picture, format_name, metadata=read_metadata(data), mark=is_marked(data)))


def probe_film(source: Path, film: FilmTask) -> FilmFacts:
    """Return what is in a film, of which no more than a frame is decoded unless it is an animation."""
    limits = FilmLimits(max_seconds=film.max_seconds, max_frames=film.max_frames, max_pixels=film.max_pixels)
    with source.open("rb") as file:
        info = probe(file, limits)
    chosen = plan(info, FilmOptions(fps=film.fps, start=film.start, end=film.end), limits)
    return FilmFacts(FILM_MEDIA_TYPES[info.format], info.width, info.height, chosen.frames, float(chosen.rate))


def perform(task: DecodeTask) -> DecodeResult:
    """Do a task in this process."""
    source, target = Path(task.source), Path(task.target)
    try:
        if task.film is not None:
            return DecodeResult(film=probe_film(source, FilmTask(*task.film)))
        if task.format is None:
            is_black = decode(source, target, PictureLimits(max_pixels=task.max_pixels), part=task.part)
            return DecodeResult(is_black_mask=is_black)
        convert(source, target, task.format)
    except PictureError as error:
        return DecodeResult(code=error.code, message=error.message)
    except MemoryError:
        return DecodeResult(code="picture_too_large", message="the picture needs too much memory to decode")
    except OSError as error:
        return DecodeResult(errno=error.errno)
    return DecodeResult()


def perform_in_child(task: DecodeTask) -> DecodeResult:
    """Do a task in a forked child, and tell from its exit status what happened if it did not answer."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _run_child(task, writing)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if status == 0 and answer:
        return DecodeResult(*json.loads(answer))
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
        return DecodeResult(code="picture_too_slow", message="the picture takes too long to decode")
    return DecodeResult(code="picture_damaged", message="the picture file is damaged and cannot be decoded")


def _run_child(task: DecodeTask, writing: int) -> NoReturn:
    """Answer through the pipe and exit, whatever happens."""
    status = 1
    try:
        resource.setrlimit(resource.RLIMIT_AS, (task.memory_bytes, task.memory_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(task.seconds)
        with os.fdopen(writing, "w") as pipe:
            json.dump(perform(task), pipe)
        status = 0
    finally:
        os._exit(status)


def _load_decoders() -> None:
    """Use every decoder once, so that the children inherit them loaded."""
    register_heif()
    for name in WRITABLE:
        read_picture(encode(Image.new("RGB", (16, 16)), name))


def serve(tasks: TextIO, results: TextIO) -> None:
    """Do tasks until the input ends."""
    for line in tasks:
        print(json.dumps(perform_in_child(DecodeTask(*json.loads(line)))), file=results, flush=True)


if __name__ == "__main__":
    _load_decoders()
    serve(sys.stdin, sys.stdout)
