"""Copying the sound of a film into another, packet by packet: it is neither decoded nor encoded."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from typing import TYPE_CHECKING, BinaryIO

from nst_engine.film.formats import FilmFormat, format_of
from nst_engine.film.frames import FilmLimits, FilmPlan
from nst_engine.film.video import codec_name, first_time, import_av, opened, time_base

if TYPE_CHECKING:
    from av import Packet
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer

RUN_IN = Fraction(1, 10)  # seconds: what an encoder puts before the beginning of the sound


class Sound:
    """The sound of the planned part of a film, as a stream of `target`, a container in the format `form`."""

    def __init__(self, source: BinaryIO, target: OutputContainer, form: FilmFormat, chosen: FilmPlan) -> None:
        self._stack, self._target, self._chosen = ExitStack(), target, chosen
        self._packets: Iterator[tuple[Fraction, Packet[AudioStream]]] = iter(())
        self._held: tuple[Fraction, Packet[AudioStream]] | None = None
        self.copied = False
        source.seek(0)
        demuxer = format_of(source.read(32))
        if demuxer not in ("mov", "matroska"):
            return
        limits = FilmLimits(max_pixels=2**31 - 1, min_side=1)  # no frame is decoded here
        container, video = self._stack.enter_context(opened(source, demuxer, limits))
        stream = next(iter(container.streams.audio), None)
        if stream is None or codec_name(stream) not in form.codecs or not _takes(form, stream):
            return
        self._packets = self._shifted(container, stream, first_time(video))
        self._held = next(self._packets, None)
        if self._held is not None:
            self._stream, self.copied = target.add_stream_from_template(stream), True

    def _shifted(
        self, container: InputContainer, stream: AudioStream, zero: Fraction
    ) -> Iterator[tuple[Fraction, Packet[AudioStream]]]:
        """Yield the packets of the part, with their times counted from its start. `zero` is the film's first second.

        Packets that are not later than the one before are left out: no container takes them.
        """
        unit = stream.time_base or time_base(container.streams.video[0])
        start, end = self._chosen.start, self._chosen.end - self._chosen.start
        offset, last = round((zero + start) / unit), -math.inf
        for packet in container.demux(stream):
            if packet.pts is None or not packet.size:
                continue
            packet.pts -= offset
            if packet.pts < 0 and (start > 0 or packet.pts * unit < -RUN_IN):
                continue
            if packet.pts * unit >= end:
                return
            if packet.pts <= last:
                continue
            packet.dts = last = packet.pts  # no codec of sound reorders
            yield packet.pts * unit, packet

    def copy_until(self, time: Fraction) -> None:
        """Copy what sounds before second `time` of the result, so that neither stream runs far ahead."""
        while self._held is not None and self._held[0] < time:
            packet = self._held[1]
            packet.stream = self._stream
            self._target.mux(packet)
            self._held = next(self._packets, None)

    def finish(self) -> None:
        """Copy the rest."""
        self.copy_until(self._chosen.end)

    def close(self) -> None:
        """Close the source."""
        self._stack.close()


def _takes(form: FilmFormat, stream: AudioStream) -> bool:
    """Try whether a film can have such sound: MP4 takes MP3, for instance, but not below 16 kHz."""
    av = import_av()
    try:
        with av.open(io.BytesIO(), "w", format=form.name) as trial:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
    except av.error.FFmpegError:
        return False
    return True
