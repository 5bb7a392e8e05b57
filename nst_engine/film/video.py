"""Reading MP4, MOV and WebM with PyAV.

The demuxer is named, so that none is guessed; it reads the given file object and cannot open another file or an
address. Only codecs that films are shared in are decoded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from PIL import Image

from nst_engine.film.formats import is_mp4_cut_short, is_webm_cut_short
from nst_engine.film.frames import FilmInfo, FilmLimits, TimedFrame, frame_rate
from nst_engine.spec.errors import FilmError

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

CODECS = {"h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mjpeg", "prores"}
FORMATS = {"mov": "mp4", "matroska": "webm"}
PROBED_PIXELS = 100_000_000  # decoders refuse larger frames before they allocate them
SEEK_MARGIN = 2  # seconds: a shorter way is decoded rather than sought
HD_HEIGHT = 720  # pixels: untagged films are BT.709 from here on, BT.601 below, as in players
MISSING = 1  # second: a film that ends as much earlier than its header says is cut short
SIGNS_OF_A_CUT = {"film_damaged", "film_empty", "film_without_video", "film_unsupported"}  # or of what they say
UNSPECIFIED = 2  # of colorspace
MOST_ANAMORPHIC = 4  # a frame may be stored with so many times the pixels that it is shown with
ALIGNMENT = 64  # pixels: at most, in FFmpeg


def probe_video(file: BinaryIO, demuxer: str, limits: FilmLimits) -> FilmInfo:
    """Read all packets, without decoding more than one frame; raises FilmError."""
    if demuxer == "matroska" and is_webm_cut_short(file):
        raise _truncated()
    try:
        return _probe(file, demuxer, limits)
    except FilmError as error:
        if error.code in SIGNS_OF_A_CUT and demuxer == "mov" and is_mp4_cut_short(file):
            raise _truncated() from None
        raise


def _probe(file: BinaryIO, demuxer: str, limits: FilmLimits) -> FilmInfo:
    with opened(file, demuxer, limits) as (container, stream):
        spans = _frame_spans(container, stream, limits)
        if not spans:
            raise FilmError("film_empty", "the film has no frames")
        declared, average = stream.frames, stream.guessed_rate or stream.average_rate
        sound = next(filter(None, map(codec_name, container.streams.audio)), None)
        if declared > len(spans):
            raise _truncated()
        rate = frame_rate([start for start, _ in spans], average)
        seconds = _seconds(spans, rate, (stream.duration or 0) * time_base(stream))
        container.seek(0, stream=stream)
        first = next(_decoded(container, stream, limits), None)
        if first is None:
            raise _damaged()
        width, height = _upright_size(first, pixel_shape(stream))
    limits.check_size(width, height)
    return FilmInfo(
        format=FORMATS[demuxer],
        width=width,
        height=height,
        rate=rate,
        frames=len(spans),
        seconds=seconds,
        sound=sound,
    )


def video_frames(file: BinaryIO, demuxer: str, limits: FilmLimits, start: Fraction) -> Iterator[TimedFrame]:
    """Yield the frames from the one that is on at `start`, or from an earlier one; raises FilmError.

    Time 0 is the first frame of the film.
    """
    with opened(file, demuxer, limits) as (container, stream):
        # A stream must not be asked for anything once its container is closed, and the last frame may outlive that.
        zero, unit, shape = first_time(stream), time_base(stream), pixel_shape(stream)
        if start > SEEK_MARGIN:
            container.seek(int((start + zero) / unit), stream=stream)
        frames = _decoded(container, stream, limits)
        first = next(frames, None)
        if start > SEEK_MARGIN and (first is None or _time(first, unit) - zero > start):  # the index is wrong
            container.seek(0, stream=stream)
            frames = _decoded(container, stream, limits)
            first = next(frames, None)
        time = Fraction(0)
        while first is not None:
            time = max(time, _time(first, unit, time + zero) - zero)
            yield TimedFrame(time, partial(_converted, first, shape))
            first = next(frames, None)


@contextmanager
def opened(file: BinaryIO, demuxer: str, limits: FilmLimits) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a film and its first video stream; what PyAV raises becomes a FilmError."""
    av = import_av()
    file.seek(0)
    try:
        with av.open(
            file,
            "r",
            format=demuxer,
            options={"max_pixels": str(PROBED_PIXELS)},
            container_options={"protocol_whitelist": "none"},
            io_open=_refuse,
            metadata_errors="ignore",
        ) as container:
            stream = _video_stream(container)
            if not stream.codec_context.width:  # the frames are damaged, or too large even to be probed
                raise _damaged()
            limits.check_size(stream.codec_context.width, stream.codec_context.height)
            stream.codec_context.options = {"max_pixels": str(max(limits.max_pixels, _buffer_pixels(stream)))}
            stream.codec_context.thread_count = 1  # frames in flight take memory
            yield container, stream
    except av.error.MemoryError:
        raise FilmError("film_too_large", "the film needs too much memory to decode") from None
    except av.error.FFmpegError:
        raise _damaged() from None


def import_av() -> Any:
    """Return PyAV; raises FilmError if the extra `video` is not installed."""
    try:
        import av
    except ModuleNotFoundError:
        raise FilmError("film_unsupported", "films need the extra video (docs/quickstart.md, Extras)") from None
    av.logging.set_level(None)  # a damaged film would write to stderr; the error says what is wrong
    return av


def time_base(stream: VideoStream) -> Fraction:
    """Return the unit of a stream's timestamps in seconds."""
    return stream.time_base or Fraction(1, 1000)


def codec_name(stream: Stream) -> str | None:
    """Return the name of a stream's codec, which may not be that of its decoder, or None for an unknown codec."""
    return stream.codec_context.codec.canonical_name if stream.codec_context else None


def first_time(stream: VideoStream) -> Fraction:
    """Return the second at which a stream starts, by the clock of the file."""
    return (stream.start_time or 0) * time_base(stream)


def pixel_shape(stream: VideoStream) -> Fraction:
    """Return the width of a pixel divided by its height; 1 if the file says nothing that can be true."""
    shape = stream.sample_aspect_ratio
    return shape if shape and Fraction(1, MOST_ANAMORPHIC) <= shape <= MOST_ANAMORPHIC else Fraction(1)


def _refuse(_address: str, *_: object) -> NoReturn:
    raise FilmError("film_unsupported", "the film refers to other files; use one that holds everything")


def _video_stream(container: InputContainer) -> VideoStream:
    pictures = 0x400  # AV_DISPOSITION_ATTACHED_PIC: the cover of a song
    streams = [stream for stream in container.streams.video if not int(stream.disposition) & pictures]
    if not streams:
        raise FilmError("film_without_video", "the file has sound, but no moving picture")
    stream = streams[0]
    name = codec_name(stream)
    if name not in CODECS:
        message = f"films in the codec {name or 'unknown'} cannot be read; use H.264, H.265, VP9 or AV1"
        raise FilmError("film_unsupported", message)
    return stream


def _buffer_pixels(stream: VideoStream) -> int:
    """Return the pixels of a frame in memory, which decoders compare with `max_pixels`: both sides are rounded up."""
    sides = stream.codec_context.width, stream.codec_context.height
    return math.prod(-(-side // ALIGNMENT) * ALIGNMENT for side in sides)


def _frame_spans(container: InputContainer, stream: VideoStream, limits: FilmLimits) -> list[tuple[Fraction, Fraction]]:
    """Return when each frame of the stream starts and ends, in order."""
    spans: list[tuple[Fraction, Fraction]] = []
    last = Fraction(0)  # end of any stream
    for packet in container.demux(stream, *container.streams.audio):
        if packet.is_corrupt:
            raise _truncated()
        tick = packet.dts if packet.pts is None else packet.pts
        if not packet.size or tick is None:
            continue
        unit = packet.time_base or time_base(stream)
        start, end = tick * unit, (tick + max(0, packet.duration or 0)) * unit
        last = max(last, end)
        if packet.stream_index == stream.index and not packet.is_discard:
            spans.append((start, end))
            limits.check_decoded(len(spans))
    if spans and container.duration and last + MISSING < Fraction(container.duration, 1_000_000):
        raise _truncated()
    return sorted(spans)


def _seconds(spans: list[tuple[Fraction, Fraction]], rate: Fraction, declared: Fraction) -> Fraction:
    """Return how long a film lasts. declared: what the stream says, or 0.

    The last frame stays on as long as its packet says, but for one frame at least: some files give it no duration. An
    MP4 stores durations in the order of decoding, so that of another frame may be the last one's: `declared` bounds it.
    """
    first, (last, end) = spans[0][0], spans[-1]
    until_end = min(end - first, declared) if declared else end - first
    return max(until_end, last - first + 1 / rate)


def _decoded(container: InputContainer, stream: VideoStream, limits: FilmLimits) -> Iterator[VideoFrame]:
    for count, frame in enumerate(container.decode(stream), 1):
        limits.check_decoded(count)
        limits.check_size(frame.width, frame.height)
        yield frame


def _time(frame: VideoFrame, unit: Fraction, otherwise: Fraction = Fraction(0)) -> Fraction:
    return otherwise if frame.pts is None else frame.pts * (frame.time_base or unit)


def _converted(frame: VideoFrame, shape: Fraction) -> Image.Image:
    """Return a frame as upright 8-bit RGB: its matrix, range and pixel shape are taken into account."""
    from av.video.reformatter import Colorspace

    untagged = frame.colorspace == UNSPECIFIED
    matrix = Colorspace.ITU709 if untagged and min(frame.width, frame.height) >= HD_HEIGHT else None
    width, height = _square_pixels(frame, shape)
    rgb = frame.reformat(width=width, height=height, format="rgb24", src_colorspace=matrix, threads=1)
    picture = Image.fromarray(rgb.to_ndarray(), "RGB")
    turn = round(frame.rotation / 90) % 4  # counterclockwise
    turns = {1: Image.Transpose.ROTATE_90, 2: Image.Transpose.ROTATE_180, 3: Image.Transpose.ROTATE_270}
    return picture.transpose(turns[turn]) if turn else picture


def _square_pixels(frame: VideoFrame, shape: Fraction) -> tuple[int, int]:
    """Return the size of a frame whose pixels are made square by making it wider or narrower."""
    return max(1, round(frame.width * shape)), frame.height


def _upright_size(frame: VideoFrame, shape: Fraction) -> tuple[int, int]:
    width, height = _square_pixels(frame, shape)
    return (height, width) if round(frame.rotation / 90) % 2 else (width, height)


def _damaged() -> FilmError:
    return FilmError("film_damaged", "the film file is damaged and cannot be decoded")


def _truncated() -> FilmError:
    return FilmError("film_truncated", "the film file is cut short")
