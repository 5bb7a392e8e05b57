"""PNG beyond what Pillow reads right: color keys of every depth, large profiles and texts, and named color spaces.

Pillow decodes the pixels; it sees no other chunks, because it refuses files for damage in any of them.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from nst_engine.images import exif
from nst_engine.images.color import D65, SRGB, SRGB_SPACE, ColorSpace, Primaries, cicp, gamma, srgb_to_linear
from nst_engine.spec.errors import PictureError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PROFILE_LIMIT = 8 * 1024 * 1024  # bytes, unpacked; the largest profiles of printers have some 4 MiB
SRGB_GAMMA = 1 / 2.2  # what files in sRGB declare
BEFORE_PIXELS = {b"tRNS", b"iCCP", b"cICP", b"sRGB", b"gAMA", b"cHRM", b"acTL"}  # ignored where they come later
TEXTS = {b"tEXt", b"zTXt"}
GRAY, RGB, PALETTE = 0, 2, 3  # color types
NARROW = np.clip((np.arange(256) - 16) * (255 / 219) + 0.5, 0, 255).astype(np.uint8)  # levels of video, stretched


@dataclass(frozen=True, kw_only=True)
class Png:
    """A PNG file of nothing but its pixels, and what its other chunks say of them."""

    data: bytes
    depth: int
    color_type: int
    key: bytes | None
    profile: bytes | None
    space: ColorSpace | None
    exif: Image.Exif
    is_narrow: bool
    is_animated: bool


def parse(data: bytes) -> Png:
    """Split a PNG; damage is left for the decoder to find. Raises PictureError for a profile that is too large."""
    header = data[16:29].ljust(13, b"\0")
    depth, color_type = header[8], header[9]
    chunks, texts = _described(data)
    named = _cicp(chunks.get(b"cICP", b""))
    is_known = named is not None and not named.unknown
    return Png(
        data=_pixels(data, chunks.get(b"tRNS") if color_type == PALETTE else None),
        depth=depth,
        color_type=color_type,
        key=chunks.get(b"tRNS") if color_type in (GRAY, RGB) else None,
        profile=None if is_known else _profile(chunks, texts),
        space=named if is_known else _space(chunks) or named,
        exif=exif.of_bytes(chunks.get(b"eXIf") or _raw_exif(texts)),
        is_narrow=is_known and chunks[b"cICP"][3] == 0,
        is_animated=_is_animated(chunks),
    )


def full_range(image: Image.Image) -> Image.Image:
    """Stretch the levels of video, 16 to 235, to 0 to 255."""
    return image.point(list(NARROW) * len(image.getbands()))


def has_end(data: bytes) -> bool:
    """Tell whether the last chunk is there."""
    return any(kind == b"IEND" for kind, _, _ in _places(data))


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

    return np.asarray(imagecodecs.png_decode(data))


def _described(data: bytes) -> tuple[dict[bytes, bytes], dict[str, bytes]]:
    """Return the undamaged chunks that describe the pixels, the first of each type, and the texts likewise."""
    chunks: dict[bytes, bytes] = {}
    texts: dict[str, bytes] = {}
    for kind, start, end in _places(data):
        if kind in (b"IDAT", b"fdAT"):
            chunks[kind] = b""
        elif kind in TEXTS or kind == b"eXIf" or (kind in BEFORE_PIXELS and b"IDAT" not in chunks):
            body = data[start + 8 : end - 4]
            if zlib.crc32(kind + body) != int.from_bytes(data[end - 4 : end]):
                continue
            if kind in TEXTS:
                keyword, _, text = body.partition(b"\0")
                texts.setdefault(keyword.decode("latin-1"), kind + text)
            else:
                chunks.setdefault(kind, body)
    return chunks, texts


def _places(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield each chunk's type and where it begins and ends, length and checksum included, up to one that is cut."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        if at + 12 + length > len(data):
            return
        yield kind, at, at + 12 + length
        at += 12 + length


def _pixels(data: bytes, transparency: bytes | None) -> bytes:
    """Return the critical chunks and a palette's transparency."""
    kept, at = io.BytesIO(), 0
    for kind, start, end in _places(data):
        if kind == b"IDAT" and transparency is not None:
            kept.write(data[at:start])
            at = start
            kept.write(_chunk(b"tRNS", transparency))
            transparency = None
        if kind[0] & 32:  # a lower-case letter: ancillary
            kept.write(data[at:start])
            at = end
    kept.write(data[at:])
    return kept.getvalue()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _is_animated(chunks: dict[bytes, bytes]) -> bool:
    """Tell whether there is a picture besides that of IDAT."""
    control = chunks.get(b"acTL", b"")
    frames = int.from_bytes(control[:4]) if len(control) == 8 else 0
    return frames > 1 or (frames == 1 and b"fdAT" in chunks)


def _profile(chunks: dict[bytes, bytes], texts: dict[str, bytes]) -> bytes | None:
    """Unpack iCCP: a name, a zero, the compression method, the profile; None if it is damaged.

    Programs that knew no iCCP wrote the profile as a text.
    """
    if b"iCCP" in chunks:
        profile = _unpacked(chunks[b"iCCP"].partition(b"\0")[2][1:])
    else:
        profile = None if b"sRGB" in chunks else _raw(texts, "icc") or _raw(texts, "icm")
    if profile is not None and len(profile) > PROFILE_LIMIT:
        most = PROFILE_LIMIT // 1024**2
        raise PictureError("picture_unsupported", f"the color profile of the picture is larger than {most} MiB")
    return profile


def _unpacked(packed: bytes, most: int = PROFILE_LIMIT + 1) -> bytes | None:
    """Return at most so many bytes; None if they are damaged."""
    try:
        return zlib.decompressobj().decompress(packed, most)
    except zlib.error:
        return None


def _raw_exif(texts: dict[str, bytes]) -> bytes:
    found = _raw(texts, "exif") or _raw(texts, "APP1") or b""
    return b"" if found.startswith(b"http") else found  # APP1 may also be XMP


def _raw(texts: dict[str, bytes], name: str) -> bytes | None:
    """Return what ImageMagick writes as text: a line with a name, one with a length, lines of hexadecimal digits."""
    text = texts.get(f"Raw profile type {name}", b"")
    lines = (_unpacked(text[5:], 3 * PROFILE_LIMIT) or b"") if text.startswith(b"zTXt") else text[4:]
    digits = b"".join(lines.split()[2:])
    try:
        return bytes.fromhex(digits.decode("ascii")) or None
    except ValueError:
        return None


def _space(chunks: dict[bytes, bytes]) -> ColorSpace | None:
    """Read sRGB, else gAMA and cHRM; cICP and iCCP come before them (PNG, third edition, 4.3)."""
    if b"sRGB" in chunks:
        return SRGB_SPACE
    encoding = int.from_bytes(chunks.get(b"gAMA", b"")) / 100_000
    if not 0.1 <= encoding <= 10:
        return None
    curve = srgb_to_linear if abs(encoding - SRGB_GAMMA) < 0.002 else gamma(1 / encoding)
    return ColorSpace(primaries=_primaries(chunks.get(b"cHRM", b"")), to_linear=curve)


def _cicp(chunk: bytes) -> ColorSpace | None:
    """Read primaries, transfer and matrix, which is 0 for RGB; None if a reader has to go on to the next statement."""
    return cicp(chunk[0], chunk[1]) if len(chunk) == 4 and chunk[2] == 0 else None


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
