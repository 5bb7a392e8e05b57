"""The formats of films: told by their first bytes, never by a name, so that no demuxer is chosen by a guess."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, Literal

Format = Literal["mov", "matroska", "gif", "webp", "png"]

HEAD = 64 * 1024  # bytes that `format_of` wants to see: an APNG may have a color profile before it says what it is
PNG = b"\x89PNG\r\n\x1a\n"
MATROSKA = b"\x1a\x45\xdf\xa3"
SEGMENT = b"\x18\x53\x80\x67"  # the element of a Matroska file that holds all frames
GIFS = (b"GIF87a", b"GIF89a")
STILL_BRANDS = {b"avif", b"avis", b"mif1", b"msf1", b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"miaf"}
QUICKTIME_BOXES = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}  # of files older than `ftyp`
BOX_HEAD = 8  # bytes: size and kind
LARGE_BOX = b"\0\0\0\1"  # its size follows in 8 bytes
NAMES = "MP4, MOV, WebM, GIF, animated WebP or animated PNG"


@dataclass(frozen=True, kw_only=True)
class FilmFormat:
    """A format that films are written in. `codecs` are those of sound that can be copied into it."""

    name: str
    media_type: str
    suffix: str
    codecs: frozenset[str] = frozenset()


WRITABLE: Mapping[str, FilmFormat] = {
    "mp4": FilmFormat(
        name="mp4",
        media_type="video/mp4",
        suffix=".mp4",
        codecs=frozenset({"aac", "mp3", "ac3", "eac3", "alac", "flac", "opus"}),
    ),
    "webm": FilmFormat(name="webm", media_type="video/webm", suffix=".webm", codecs=frozenset({"opus", "vorbis"})),
    "gif": FilmFormat(name="gif", media_type="image/gif", suffix=".gif"),
    "webp": FilmFormat(name="webp", media_type="image/webp", suffix=".webp"),
}


def is_film(head: bytes) -> bool:
    """Tell by the first bytes (HEAD of them) whether a file is a film. A GIF counts as one, even a still one."""
    return format_of(head) is not None


def format_of(head: bytes) -> Format | None:
    """Return the format of a film, or None for anything else, such as a still picture or a playlist."""
    if head.startswith(MATROSKA):
        return "matroska"
    if head.startswith(GIFS):
        return "gif"
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X":
        return "webp" if head[20:21] and head[20] & 0x02 else None
    if head.startswith(PNG):
        return "png" if _has_animation(head) else None
    kind = head[4:8]
    if kind == b"ftyp":
        return None if head[8:12] in STILL_BRANDS else "mov"
    return "mov" if kind in QUICKTIME_BOXES else None


def is_mp4_cut_short(mp4: BinaryIO) -> bool:
    """Tell whether the last box of an MP4 or MOV is longer than the file."""
    end, place = mp4.seek(0, os.SEEK_END), 0
    while place < end:
        mp4.seek(place)
        head = mp4.read(16)
        size = int.from_bytes(head[8:] if head[:4] == LARGE_BOX else head[:4])
        if len(head) < BOX_HEAD:
            return True
        if size < BOX_HEAD:  # 0: up to the end of the file
            return False
        place += size
    return place > end


def is_webm_cut_short(webm: BinaryIO) -> bool:
    """Tell whether the segment of a WebM or MKV is longer than the file. That of a live stream has no length."""
    end = webm.seek(0, os.SEEK_END)
    segment = _element_end(webm, 0, MATROSKA)
    if segment is None or segment > end:
        return False
    segment_end = _element_end(webm, segment, SEGMENT)
    return segment_end is not None and segment_end > end


def _element_end(webm: BinaryIO, place: int, kind: bytes) -> int | None:
    """Return where the EBML element at `place` ends; None if it has no length or is of another kind."""
    webm.seek(place)
    head = webm.read(12)  # the kind, and a length of up to 8 bytes
    width = 9 - int.from_bytes(head[4:5]).bit_length()  # bytes of the length: the zeros before its first bit, plus 1
    unknown = (1 << 7 * width) - 1
    length = int.from_bytes(head[4 : 4 + width]) & unknown
    if head[:4] != kind or width > 8 or length == unknown:
        return None
    return place + 4 + width + length


def _has_animation(png: bytes) -> bool:
    """Tell whether an `acTL` chunk comes before the pixels."""
    place = len(PNG)
    while place + 8 <= len(png):
        kind = png[place + 4 : place + 8]
        if kind in (b"acTL", b"IDAT"):
            return kind == b"acTL"
        place += 12 + int.from_bytes(png[place : place + 4])
    return False
