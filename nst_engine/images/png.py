"""PNG beyond what Pillow reads right: color keys of every depth, large profiles and texts, and named color spaces.

The chunks that are understood here are taken out before Pillow sees the file; it decodes the pixels.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from nst_engine.images.color import D65, SRGB, ColorSpace, Primaries, cicp, gamma, srgb_to_linear
from nst_engine.spec.errors import PictureError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PROFILE_LIMIT = 8 * 1024 * 1024  # bytes, unpacked; the largest profiles of printers have some 4 MiB
SRGB_GAMMA = 1 / 2.2  # what files in sRGB declare
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
GRAY, RGB = 0, 2  # color types

Chunk = tuple[bytes, bytes]  # its type, its data


@dataclass(frozen=True, kw_only=True)
class Png:
    """A PNG file without the chunks that Pillow would trip over, and what they said."""

    data: bytes
    depth: int
    color_type: int
    key: bytes | None
    profile: bytes | None
    space: ColorSpace | None


def parse(data: bytes) -> Png:
    """Split a PNG; damage is left for the decoder to find. Raises PictureError for a profile that is too large."""
    chunks = dict(_chunks(data))
    header = chunks.get(b"IHDR", b"").ljust(13, b"\0")
    depth, color_type = header[8], header[9]
    has_key = color_type in (GRAY, RGB)
    without = {*TEXTS, b"iCCP", *([b"tRNS"] if has_key else [])}
    return Png(
        data=_without(data, without),
        depth=depth,
        color_type=color_type,
        key=chunks.get(b"tRNS") if has_key else None,
        profile=_profile(chunks[b"iCCP"]) if b"iCCP" in chunks and b"cICP" not in chunks else None,
        space=_space(chunks),
    )


def key_alpha(png: Png, image: Image.Image) -> Image.Image | None:
    """Return the alpha channel of a color key: 0 where a pixel has exactly that color."""
    count = 1 if png.color_type == GRAY else 3
    if png.key is None or len(png.key) < 2 * count:
        return None
    key = np.array(struct.unpack(f">{count}H", png.key[: 2 * count]))
    if png.depth == 16:
        pixels = _sixteen_bit(png.data)
    else:
        mask = 2**png.depth - 1
        key = (key & mask) * (255 // mask)  # Pillow has scaled the pixels likewise
        pixels = np.asarray(image.convert("L" if count == 1 else "RGB"))
    matches = pixels.reshape(*pixels.shape[:2], -1)[..., :count] == key
    return Image.fromarray(np.where(matches.all(axis=-1), 0, 255).astype(np.uint8))


def _sixteen_bit(data: bytes) -> np.ndarray:
    """Decode with both bytes of every sample; Pillow keeps the upper one of colors."""
    import imagecodecs

    try:
        return np.asarray(imagecodecs.png_decode(data))
    except imagecodecs.PngError:
        raise PictureError("picture_damaged", "the picture file is damaged and cannot be decoded") from None


def _chunks(data: bytes) -> Iterator[Chunk]:
    """Yield the chunks before the first one that is cut short."""
    for kind, start, end in _places(data):
        yield kind, data[start + 8 : end - 4]


def _places(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield each chunk's type and where it begins and ends, length and checksum included."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        if at + 12 + length > len(data):
            return
        yield kind, at, at + 12 + length
        at += 12 + length


def _without(data: bytes, kinds: set[bytes]) -> bytes:
    kept, at = io.BytesIO(), 0
    for kind, start, end in _places(data):
        if kind in kinds:
            kept.write(data[at:start])
            at = end
    kept.write(data[at:])
    return kept.getvalue()


def _profile(chunk: bytes) -> bytes | None:
    """Unpack iCCP: a name, a zero, the compression method, the profile; None if it is damaged."""
    _, _, packed = chunk.partition(b"\0")
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(packed[1:], PROFILE_LIMIT)
    except zlib.error:
        return None
    if unpacker.unconsumed_tail:
        most = PROFILE_LIMIT // 1024**2
        raise PictureError("picture_unsupported", f"the color profile of the picture is larger than {most} MiB")
    return profile


def _space(chunks: dict[bytes, bytes]) -> ColorSpace | None:
    """Read cICP, else gAMA and cHRM; sRGB and iCCP come before those two (PNG, third edition, 4.3)."""
    if len(code := chunks.get(b"cICP", b"")) == 4:
        return cicp(code[0], code[1])
    if b"sRGB" in chunks or b"iCCP" in chunks or len(told := chunks.get(b"gAMA", b"")) != 4:
        return None
    encoding = int.from_bytes(told, "big") / 100_000
    if not 0.1 <= encoding <= 10:
        return None
    curve = srgb_to_linear if abs(encoding - SRGB_GAMMA) < 0.002 else gamma(1 / encoding)
    primaries = _primaries(chunks.get(b"cHRM", b""))
    return None if curve is srgb_to_linear and primaries is SRGB else ColorSpace(primaries=primaries, to_linear=curve)


def _primaries(chunk: bytes) -> Primaries:
    """Read cHRM: the white point, then red, green and blue; sRGB's if it is missing or impossible."""
    if len(chunk) != 32:
        return SRGB
    values = [value / 100_000 for value in struct.unpack(">8I", chunk)]
    white, red, green, blue = zip(values[::2], values[1::2], strict=True)
    doubled_area = (green[0] - red[0]) * (blue[1] - red[1]) - (blue[0] - red[0]) * (green[1] - red[1])
    if min(point[1] for point in (white, red, green, blue)) <= 0.01 or abs(doubled_area) < 0.01:
        return SRGB
    found = Primaries(red=red, green=green, blue=blue, white=white)
    wanted = (SRGB.red, SRGB.green, SRGB.blue, D65)
    pairs = zip((red, green, blue, white), wanted, strict=True)
    is_srgb = all(abs(a - b) < 0.002 for point, other in pairs for a, b in zip(point, other, strict=True))
    return SRGB if is_srgb else found
