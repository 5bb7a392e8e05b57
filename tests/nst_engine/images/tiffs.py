"""TIFF files of any tags: tifffile and Pillow write only some layouts."""

import struct
from collections.abc import Mapping, Sequence

LONG, RATIONAL = 4, 5
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES = 256, 257, 258, 259, 262, 277
STRIPS, STRIP_SIZES, PLANAR, COLOR_MAP, EXTRA = 273, 279, 284, 320, 338
COEFFICIENTS, SUBSAMPLING, BLACK_WHITE = 529, 530, 532
SIDE = 32


def tiff(*strips: bytes, tags: Mapping[int, int | Sequence[int]]) -> bytes:
    """Write a picture of SIDE x SIDE; RATIONAL values are numerators of 10,000."""
    data, offsets = b"II*\0" + bytes(4), []
    for strip in strips:
        offsets.append(len(data))
        data += strip + bytes(len(strip) % 2)
    all_tags = {WIDTH: SIDE, HEIGHT: SIDE, COMPRESSION: 1, STRIPS: offsets, STRIP_SIZES: [len(one) for one in strips]}
    all_tags |= tags
    entries, values, at = b"", b"", len(data) + 2 + 12 * len(all_tags) + 4
    for tag, value in sorted(all_tags.items()):
        numbers = [value] if isinstance(value, int) else list(value)
        kind = RATIONAL if tag in (COEFFICIENTS, BLACK_WHITE) else LONG
        step = 1 if kind == LONG else 2
        packed = struct.pack(f"<{step * len(numbers)}I", *(part for one in numbers for part in (one, 10_000)[:step]))
        if len(packed) > 4:
            packed, values = struct.pack("<I", at + len(values)), values + packed
        entries += struct.pack("<HHI", tag, kind, len(numbers)) + packed
    directory = struct.pack("<H", len(all_tags)) + entries + bytes(4) + values
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + directory
