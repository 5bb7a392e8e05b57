"""Writing films: MP4 (H.264), WebM (VP9), GIF or animated WebP, one frame at a time.

    with FilmWriter(path, "mp4", chosen, sound=file) as writer:
        for picture in pictures: writer.add(picture)

The file is complete when the block ends; after an error it is deleted. Memory does not grow with the length, but the
encoder of animated WebP keeps the compressed frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import numpy as np
from PIL import Image

from nst_engine.film.formats import WRITABLE
from nst_engine.film.frames import FilmPlan
from nst_engine.film.marks import mark_gif, mark_mp4, mark_webp
from nst_engine.film.sound import Sound
from nst_engine.film.video import import_av
from nst_engine.images.writing import METADATA_KEY, SOURCE_TYPE, exif_of, metadata_text
from nst_engine.spec.errors import ConfigError, FilmError

if TYPE_CHECKING:
    from av import VideoFrame
    from av.filter import Graph

CODECS = {"mp4": "libx264", "webm": "libvpx-vp9", "gif": "gif", "webp": "libwebp_anim"}
PIXELS = {"mp4": "yuv420p", "webm": "yuv420p", "gif": "pal8", "webp": "yuv420p"}
CONTAINERS: Mapping[str, Mapping[str, str]] = {
    "mp4": {"movflags": "+faststart+use_metadata_tags"},
    "webp": {"loop": "0"},
}
GIF_RATE = 50  # frames a second: browsers slow down a GIF that is faster
QUALITIES = {"mp4": 90, "webm": 85, "webp": 85}
BT709 = 1  # of colorspace, primaries and transfer in ITU-T H.273
LIMITED = 1  # of color_range


class FilmWriter:
    """Writes a film to `path`, whose frames all have the size of the first one.

    chosen: the plan whose frames come. sound: the film it was made for, whose sound in that part is copied if the
    format takes its codec: `has_sound` tells. quality: 1..100, not for GIF. metadata: the parameters of the run; with
    `mark`, the file says in XMP that a trained network made it (a WebM says so in a tag).
    MP4 and WebM need an even width and height: an odd last column or row is cut off.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        chosen: FilmPlan,
        *,
        sound: BinaryIO | None = None,
        quality: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        mark: bool = False,
    ) -> None:
        if name not in WRITABLE:
            raise FilmError("format_unknown", f"unknown format {name!r} of a film; one of {', '.join(WRITABLE)}")
        if quality is not None and name not in QUALITIES:
            raise ConfigError(f"quality: {name} has none; leave it out, or write mp4, webm or webp")
        if name == "gif" and chosen.rate > GIF_RATE:
            raise FilmError("film_rate", f"a GIF holds at most {GIF_RATE} frames a second; choose fewer with fps")
        self.path, self.frames, self.size = path, 0, (0, 0)
        self._name, self._rate, self._quality = name, chosen.rate, quality or QUALITIES.get(name, 0)
        self._metadata, self._mark = metadata, mark
        self._container = import_av().open(
            str(path.absolute()), "w", format=name, container_options=CONTAINERS.get(name)
        )
        self._stream: Any = None
        self._palettes: Graph | None = None
        self._sound: Sound | None = None
        self._source, self._chosen = sound, chosen

    @property
    def has_sound(self) -> bool:
        """Tell, after the first frame, whether the sound is copied."""
        return self._sound is not None and self._sound.copied

    def add(self, picture: Image.Image) -> None:
        """Encode the next frame, and copy the sound up to it; raise FilmError or OSError."""
        with _film_errors():
            if self._stream is None:
                self._start(picture)
            width, height = self.size
            picture = picture.convert("RGB").crop((0, 0, width, height))
            for frame in self._converted(picture):
                self._container.mux(self._stream.encode(frame))
            self.frames += 1
            if self._sound is not None:
                self._sound.copy_until(self.frames / self._rate)

    def _start(self, picture: Image.Image) -> None:
        name, (width, height) = self._name, picture.size
        if name in ("mp4", "webm"):
            width, height = max(2, width // 2 * 2), max(2, height // 2 * 2)
        self.size = (width, height)
        self._stream = self._container.add_stream(
            CODECS[name], rate=self._rate, width=width, height=height, options=self._codec_options()
        )
        context = self._stream.codec_context
        context.pix_fmt, context.time_base = PIXELS[name], 1 / self._rate
        if name in ("mp4", "webm"):
            context.colorspace = context.color_primaries = context.color_trc = BT709
            context.color_range = LIMITED
            self._container.metadata.update(self._tags())
        if name == "gif":
            self._palettes = palettes(width, height, self._rate)
        if self._source is not None and WRITABLE[name].codecs:
            self._sound = Sound(self._source, self._container, WRITABLE[name], self._chosen)

    def _codec_options(self) -> dict[str, str]:
        match self._name:
            case "mp4":  # 100 is CRF 10, 90 is 17, 50 is 38
                return {"crf": str(round(10 + (100 - self._quality) * 0.56)), "preset": "medium"}
            case "webm":
                crf = str(round(15 + (100 - self._quality) * 0.6))
                return {"crf": crf, "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"}
            case "webp":
                return {"quality": str(self._quality)}
        return {}

    def _tags(self) -> dict[str, str]:
        tags = {} if self._metadata is None else {METADATA_KEY: metadata_text(self._metadata)}
        return tags | ({"DIGITAL_SOURCE_TYPE": SOURCE_TYPE} if self._mark else {})

    def _converted(self, picture: Image.Image) -> Iterator[VideoFrame]:
        from av import VideoFrame
        from av.video.reformatter import ColorRange, Colorspace

        frame = VideoFrame.from_ndarray(np.asarray(picture))
        frame.pts, frame.time_base = self.frames, 1 / self._rate
        if self._palettes is not None:
            self._palettes.push(frame)
            yield from _pulled(self._palettes)
            return
        # The encoder of WebP expects what the format is: BT.601.
        matrix = Colorspace.ITU601 if self._name == "webp" else Colorspace.ITU709
        done = frame.reformat(
            format=PIXELS[self._name], dst_colorspace=matrix, dst_color_range=ColorRange.MPEG, threads=1
        )
        done.pts, done.time_base = frame.pts, frame.time_base
        yield done

    def close(self) -> None:
        """Finish the file; raise FilmError or OSError."""
        if self._stream is None:
            raise FilmError("film_empty", "the film has no frames")
        with _film_errors():
            if self._palettes is not None:
                self._palettes.push(None)
                for frame in _pulled(self._palettes):
                    self._container.mux(self._stream.encode(frame))
            self._container.mux(self._stream.encode())
            if self._sound is not None:
                self._sound.finish()
            self._release()
        self._add_marks()

    def _release(self) -> None:
        self._container.close()
        if self._sound is not None:
            self._sound.close()

    def _add_marks(self) -> None:
        match self._name:
            case "mp4" if self._mark:
                mark_mp4(self.path)
            case "webp":
                mark_webp(self.path, self.size, exif_of(self._metadata), xmp=self._mark)
            case "gif" if self._mark or self._metadata is not None:
                comment = None if self._metadata is None else metadata_text(self._metadata).encode()
                mark_gif(self.path, comment, xmp=self._mark)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.close()
                return
            self._release()
        except BaseException:
            self.path.unlink(missing_ok=True)
            raise
        self.path.unlink(missing_ok=True)


@contextmanager
def _film_errors() -> Iterator[None]:
    """Convert what PyAV raises into a FilmError, except for errors of the disk, such as a full one."""
    try:
        yield
    except import_av().error.FFmpegError as error:
        if isinstance(error, OSError):
            raise
        raise FilmError("film_unwritable", f"the film cannot be written: {error.strerror}") from error


def palettes(width: int, height: int, rate: Fraction) -> Graph:
    """Return a filter that gives each frame 256 colors of its own; the pattern of dots is the same in all frames."""
    from av.filter import Graph
    from av.video.format import VideoFormat

    graph = Graph()
    source = graph.add_buffer(width=width, height=height, format=VideoFormat("rgb24"), time_base=1 / rate)
    split, use = graph.add("split"), graph.add("paletteuse", "new=1:dither=bayer:bayer_scale=4")
    found, sink = graph.add("palettegen", "stats_mode=single"), graph.add("buffersink")
    source.link_to(split)
    split.link_to(found, 0, 0)
    split.link_to(use, 1, 0)
    found.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph


def _pulled(graph: Graph) -> Iterator[VideoFrame]:
    while True:
        try:
            frame = graph.pull()
        except (BlockingIOError, EOFError):
            return
        yield frame  # type: ignore[misc]
