"""The color space that an AVIF or HEIC file names (`nclx`): decoders convert to RGB, but not to sRGB."""

import struct
from collections.abc import Iterator

from nst_engine.images.color import ColorSpace, cicp

# Boxes that lead to the item properties; `meta` has four bytes of version and flags before its children.
PATH = ((b"meta", 4), (b"iprp", 0), (b"ipco", 0))


def color_space(data: bytes) -> ColorSpace | None:
    """Return the first color space that a file's items name; None for sRGB, and where a profile or nothing is there."""
    inside = memoryview(data)
    for kind, skipped in PATH:
        found = next((body for name, body in _boxes(inside) if name == kind), None)
        if found is None:
            return None
        inside = found[skipped:]
    for name, body in _boxes(inside):
        if name == b"colr" and bytes(body[:4]) == b"nclx" and len(body) >= 8:
            primaries, transfer = struct.unpack(">HH", body[4:8])
            return cicp(primaries, transfer)
    return None


def _boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield type and body of each box (ISO/IEC 14496-12, 4.2), up to the first damaged one."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        head = 8
        if size == 1 and at + 16 <= len(data):
            (size,), head = struct.unpack(">Q", data[at + 8 : at + 16]), 16
        size = size or len(data) - at
        if size < head or at + size > len(data):
            return
        yield kind, data[at + head : at + size]
        at += size
