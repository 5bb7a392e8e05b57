"""The process that decodes uploaded pictures, separate from the API: `python -m api.decoding.process`.

It reads one JSON task a line and forks a child for each, whose time and memory are bounded. A picture that breaks a
decoder, or wants gigabytes, costs that child and nothing else; see docs/adr/0008-uploads.md.
"""

import io
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, TextIO

from PIL import Image

from api.decoding.png import write_png
from nst_engine.images.reading import WRITABLE, PictureLimits, encode, read_metadata, read_picture
from nst_engine.spec.errors import PictureError


def normalise(source: Path, target: Path, limits: PictureLimits) -> dict[str, Any]:
    """Write an upload as a PNG with nothing but its pixels: upright 8-bit sRGB, no metadata, nothing behind the end."""
    picture = read_picture(source, limits)
    with target.open("wb") as file:
        write_png(picture, file)
    return {"width": picture.width, "height": picture.height, "bytes": target.stat().st_size}


def convert(source: Path, target: Path, name: str) -> dict[str, Any]:
    """Write one of our own pictures in another format, parameters included."""
    data = source.read_bytes()
    with Image.open(io.BytesIO(data)) as picture:
        target.write_bytes(encode(picture, name, metadata=read_metadata(data)))
    return {}


def attempt(task: dict[str, Any]) -> dict[str, Any]:
    """Do a task in this process and return its answer."""
    source, target = Path(task["source"]), Path(task["target"])
    try:
        if "format" in task:
            return convert(source, target, task["format"])
        return normalise(source, target, PictureLimits(**task["limits"]))
    except PictureError as error:
        return {"code": error.code, "message": error.message}
    except MemoryError:
        return {"code": "picture_too_large", "message": "the picture needs too much memory to decode"}
    except OSError as error:
        return {"errno": error.errno}


def _child(task: dict[str, Any], pipe: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (task["memory"], task["memory"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(task["seconds"])
    with os.fdopen(pipe, "w") as answer:
        json.dump(attempt(task), answer)


def _fork(task: dict[str, Any]) -> dict[str, Any]:
    """Run a task in a child and return its answer, or what its end says."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            _child(task, writing)
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if status == 0 and answer:
        return dict(json.loads(answer))
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
        return {"code": "picture_too_slow", "message": "the picture takes too long to decode"}
    return {"code": "picture_damaged", "message": "the picture file is damaged and cannot be decoded"}


def _warm_up() -> None:
    """Load every decoder once, so that children need not."""
    for name in WRITABLE:
        read_picture(encode(Image.new("RGB", (16, 16)), name))


def serve(tasks: TextIO, answers: TextIO) -> None:
    """Answer tasks until there are no more."""
    for line in tasks:
        print(json.dumps(_fork(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    _warm_up()
    serve(sys.stdin, sys.stdout)
