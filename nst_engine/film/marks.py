"""Marks in finished films: XMP which says that a trained network made them, and the parameters as a comment."""

from __future__ import annotations

import struct
from pathlib import Path

from nst_engine.images.writing import XMP

XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")  # XMP Specification, part 3, for ISO base media files
GIF_TRAILER = b"\x3b"
WEBP_EXIF, WEBP_XMP = 0x08, 0x04  # flags of the chunk VP8X


def mark_mp4(path: Path) -> None:
    """Append XMP in a box of its own."""
    xmp = XMP.encode()
    with path.open("ab") as file:
        file.write(struct.pack(">I4s", 24 + len(xmp), b"uuid") + XMP_UUID + xmp)


def mark_webp(path: Path, size: tuple[int, int], exif: bytes, *, xmp: bool) -> None:
    """Append chunks with Exif and XMP, and say in the header that they are there. size: width and height."""
    flags = WEBP_EXIF | (WEBP_XMP if xmp else 0)
    chunks = _chunk(b"EXIF", exif.removeprefix(b"Exif\0\0")) + (_chunk(b"XMP ", XMP.encode()) if xmp else b"")
    with path.open("r+b") as file:
        head = bytearray(file.read(21))
        if head[12:16] == b"VP8X":
            head[20] |= flags
            end = file.seek(0, 2)
        else:  # the encoder makes a still picture, without this chunk, of frames that are all the same
            picture = bytes(head[12:]) + file.read()
            sides = b"".join((side - 1).to_bytes(3, "little") for side in size)
            head = head[:12] + bytearray(_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + sides))
            chunks, end = picture + chunks, len(head)
        head[4:8] = struct.pack("<I", end + len(chunks) - 8)
        file.seek(0)
        file.write(head)
        file.seek(end)
        file.write(chunks)


def mark_gif(path: Path, comment: bytes | None, *, xmp: bool) -> None:
    """Put a comment and XMP before the trailer."""
    blocks = b"" if comment is None else b"\x21\xfe" + _sub_blocks(comment)
    if xmp:  # the "magic trailer" lets a reader that knows no XMP skip it as if it were sub-blocks
        magic = b"\x01" + bytes(range(255, -1, -1)) + b"\x00"
        blocks += b"\x21\xff\x0bXMP DataXMP" + XMP.encode() + magic
    with path.open("r+b") as file:
        file.seek(-1, 2)
        if file.read(1) == GIF_TRAILER:
            file.seek(-1, 2)
        file.write(blocks + GIF_TRAILER)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack("<4sI", name, len(data)) + data + b"\0" * (len(data) % 2)


def _sub_blocks(data: bytes) -> bytes:
    pieces = [data[i : i + 255] for i in range(0, len(data), 255)]
    return b"".join(bytes([len(piece)]) + piece for piece in pieces) + b"\0"
