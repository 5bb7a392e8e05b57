"""ICC profiles that the tests make: Pillow makes none for gray."""

import struct
from collections.abc import Mapping

D50 = (0.9642, 1.0, 0.8249)
# The primaries of sRGB, adapted to D50.
RED, GREEN, BLUE = (0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7142)


def gray_profile(*, gamma: float) -> bytes:
    """Return a gray ICC profile (version 2) whose tone curve is a power law, under D50."""
    return _profile(b"GRAY", {b"kTRC": _curve(gamma)})


def rgb_profile(*, gamma: float) -> bytes:
    """Return an ICC profile (version 2) of the primaries of sRGB whose tone curves are power laws."""
    colors = {b"rXYZ": _xyz(RED), b"gXYZ": _xyz(GREEN), b"bXYZ": _xyz(BLUE)}
    return _profile(b"RGB ", colors | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(gamma)))


def _curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)


def _xyz(color: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in color))


def _profile(space: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78)
    text += bytes(-len(text) % 4)
    tags = {b"desc": text, b"wtpt": _xyz(D50), **tags}
    table, body, at = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data
    size = at + len(body)
    head = struct.pack(">I4sI4s4s4s", size, bytes(4), 0x02400000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _xyz(D50)[8:]
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body
