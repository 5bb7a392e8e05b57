"""Films of a few small frames, made with PyAV and Pillow."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.codec.context import Flags
from PIL import Image

SIZE = (64, 48)


def pictures(count: int = 6, size: tuple[int, int] = SIZE) -> list[Image.Image]:
    """Return frames whose top left quarter is white, and whose brightness elsewhere tells their number."""
    made = []
    for number in range(count):
        picture = Image.new("RGB", size, (20 + 30 * number,) * 3)
        picture.paste((255, 255, 255), (0, 0, size[0] // 2, size[1] // 2))
        made.append(picture)
    return made


def number_of(picture: Image.Image) -> int:
    """Return the number of a frame of `pictures`."""
    value = np.asarray(picture.convert("L"))[-4, -4]
    return round((float(value) - 20) / 30)


@contextmanager
def same_scheduling() -> Iterator[None]:
    """Undo what SVT-AV1 does for root: this process and all that it starts take every core before any other."""
    if not hasattr(os, "sched_setscheduler"):  # not Linux
        yield
        return
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != before[0]:
            os.sched_setscheduler(0, *before)


@same_scheduling()
def video(
    frames: Sequence[Image.Image] | None = None,
    *,
    name: str = "mp4",
    codec: str = "libx264",
    pixels: str = "yuv420p",
    rate: int = 12,
    times: Sequence[int] | None = None,
    sound: str | None = None,
    sound_rate: int = 48000,
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    **context: Any,
) -> bytes:
    """Return a film. sound: the codec of a second that gets louder each tenth.

    times: of the frames, in ms; one more says when the last of them ends.
    """
    frames = pictures() if frames is None else frames
    file = io.BytesIO()
    with av.open(file, "w", format=name, container_options=container or {}) as target:
        stream = None
        if codec:
            stream = target.add_stream(codec, rate=rate, options=options or {})
            stream.width, stream.height = frames[0].size if frames else SIZE
            stream.pix_fmt = pixels
            stream.codec_context.time_base = Fraction(1, 1000) if times else Fraction(1, rate)
            stream.codec_context.flags |= Flags.frame_duration
            for key, value in context.items():
                setattr(stream.codec_context, key, value)
        heard = target.add_stream(sound, rate=sound_rate) if sound else None
        for number, picture in enumerate(frames if stream else ()):
            frame = av.VideoFrame.from_image(picture)
            frame.pts, frame.time_base = (times[number], Fraction(1, 1000)) if times else (number, Fraction(1, rate))
            if times and number + 1 < len(times):
                frame.duration = times[number + 1] - times[number]
            target.mux(stream.encode(frame))
        if stream and frames:
            target.mux(stream.encode())
        elif stream:
            target.start_encoding()
        if heard:
            target.mux(heard.encode(_sound()))
            target.mux(heard.encode())
    return file.getvalue()


def _sound() -> Any:
    volume = np.repeat(np.arange(1, 11) / 20, 4800)
    wave = (np.sin(np.arange(48000) * 0.2) * volume).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), format="fltp", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
    return frame


def loudness(data: bytes) -> list[float]:
    """Return the largest value of the sound of a film in each tenth of its first second."""
    with av.open(io.BytesIO(data)) as container:
        samples = np.zeros(48000, np.float32)
        for frame in container.decode(audio=0):
            at = round(float(frame.time or 0) * 48000)
            part = frame.to_ndarray()[0][: len(samples) - at]
            samples[at : at + len(part)] = part
    return [float(abs(samples[i + 1000 : i + 3800]).max()) for i in range(0, 48000, 4800)]


def rotated(mp4: bytes) -> bytes:
    """Return an MP4 that is to be turned clockwise by 90 degrees, as a phone held upright writes it."""
    place = mp4.index(b"tkhd") + 4 + 40
    matrix = (0, 1 << 16, 0, -1 << 16, 0, 0, SIZE[1] << 16, 0, 1 << 30)
    return mp4[:place] + struct.pack(">9i", *matrix) + mp4[place + 36 :]


def animation(name: str, frames: Sequence[Image.Image] | None = None, **options: Any) -> bytes:
    """Return a GIF, WEBP or PNG."""
    first, *rest = pictures() if frames is None else frames
    file = io.BytesIO()
    first.save(file, name, save_all=True, append_images=rest, **{"duration": 100, "loop": 0, **options})
    return file.getvalue()
