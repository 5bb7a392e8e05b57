"""AVIF and HEIC: the color space of the picture, and the file without the metadata that decoders trip over.

Decoders convert to RGB, but not to sRGB. The boxes are those of ISO/IEC 14496-12 and 23008-12.

A HEIC file that names its color space only in the HEVC stream (VUI) counts as sRGB: pillow-heif gives what the
properties say, and those are what cameras and libheif write.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from nst_engine.images import av1, exif
from nst_engine.images.color import ColorSpace, cicp
from nst_engine.spec.errors import PictureError

EXIF = b"Exif"
METADATA = (EXIF, b"mime")  # types of items: EXIF, XMP
IGNORED = b"skip"
MATRICES = {0, 1, 2, 4, 5, 6, 7, 8, 9, 12}  # that the decoders know; libheif takes some others for one of these
UNSPECIFIED = struct.pack(">HH", 2, 2)  # primaries and transfer
HEADERS = 4096  # bytes, more than the headers of a stream and the first directories of EXIF need
TILES = b"dimg"  # a reference from a picture to the items that it is put together from

Box = tuple[bytes, memoryview]  # its type, its body


def color_space(data: bytes) -> ColorSpace | None:
    """Return the color space that the picture names, in properties, its AV1 stream or EXIF; None if it names none.

    Raises PictureError for a matrix that would be taken for another one.
    """
    try:
        meta = dict(_boxes(_inside(memoryview(data), b"meta")[4:]))
        return _of_picture(data, meta) or _of_exif(data, meta)
    except (struct.error, LookupError):
        return None


def for_decoders(data: bytes) -> bytes:
    """Return a file of equal length with no EXIF and XMP, and no color spaces that the standard reserves.

    The orientation is a property of the picture. A picture in a reserved color space may have a profile besides.
    """
    cleaned = bytearray(data)
    meta = _inside(memoryview(cleaned), b"meta")[4:]
    for kind, body in _boxes(_inside(_inside(meta, b"iprp"), b"ipco")):
        codes = _codes(kind, body)
        space = cicp(*codes[:2]) if codes else None
        if codes and (0 in codes[:2] or (space and space.unknown)):
            body[4:8] = UNSPECIFIED
    for _, item_type in _item_types(_inside(meta, b"iinf")):
        if bytes(item_type) in METADATA:
            item_type[:] = IGNORED
    return bytes(cleaned)


@dataclass
class _Fields:
    """Reads a box's fields, one after another; raises struct.error at its end."""

    data: memoryview
    at: int = 0

    def take(self, size: int) -> int:
        if self.at + size > len(self.data):
            raise struct.error
        self.at += size
        return int.from_bytes(self.data[self.at - size : self.at])

    def version_and_flags(self) -> tuple[int, int]:
        return self.take(1), self.take(3)


def _item_types(items: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield the id and the type of each item."""
    head = 8 if bytes(items[:1]) == b"\1" else 6  # version and flags, the number of items
    for kind, item in _boxes(items[head:]):
        # Version and flags, the item's id of 2 or 4 bytes, its protection, its type.
        at = {2: 8, 3: 10}.get(item[0]) if kind == b"infe" and len(item) > 0 else None
        if at is not None and len(item) >= at + 4:
            yield int.from_bytes(item[4 : at - 2]), item[at : at + 4]


def _of_exif(data: bytes, meta: dict[bytes, memoryview]) -> ColorSpace | None:
    """Return the color space of the first EXIF item: the distance to the EXIF in 4 bytes, a prefix, the EXIF."""
    for item, item_type in _item_types(meta[b"iinf"]):
        if bytes(item_type) == EXIF:
            body = _start_of(item, data, meta)
            return exif.color_space(exif.of_bytes(body[4 + int.from_bytes(body[:4]) :]))
    return None


def _of_picture(data: bytes, meta: dict[bytes, memoryview]) -> ColorSpace | None:
    items, properties = _pictures(meta), _properties(meta[b"iprp"])
    for item in items:
        for kind, body in properties.get(item, []):
            if codes := _codes(kind, body):
                if codes[2] not in MATRICES:
                    message = f"pictures of CICP matrix {codes[2]} cannot be read; use JPEG or PNG"
                    raise PictureError("picture_unsupported", message)
                return cicp(*codes[:2])
    for item in items:
        if any(kind == b"av1C" for kind, _ in properties.get(item, [])):
            pair = av1.color_codes(_start_of(item, data, meta))
            return cicp(*pair) if pair else None
    return None


def _codes(kind: bytes, body: memoryview) -> tuple[int, int, int] | None:
    """Return the primaries, the transfer and the matrix of a property of color; None for any other."""
    is_coded = kind == b"colr" and bytes(body[:4]) == b"nclx" and len(body) >= 10
    return struct.unpack(">HHH", body[4:10]) if is_coded else None


def _pictures(meta: dict[bytes, memoryview]) -> list[int]:
    """Return the ids of the picture and of the tiles that it is put together from."""
    fields = _Fields(meta[b"pitm"])
    primary = fields.take(4 if fields.version_and_flags()[0] else 2)
    items = [primary]
    references = meta.get(b"iref", memoryview(bytes(4)))
    size = 4 if references[0] else 2
    for kind, body in _boxes(references[4:]):
        fields = _Fields(body)
        if kind == TILES and fields.take(size) == primary:
            items += [fields.take(size) for _ in range(fields.take(2))]
    return items


def _properties(iprp: memoryview) -> dict[int, list[Box]]:
    """Return the properties of each item."""
    known, found = list(_boxes(_inside(iprp, b"ipco"))), {}
    fields = _Fields(_inside(iprp, b"ipma"))
    version, flags = fields.version_and_flags()
    size = 2 if flags & 1 else 1
    mask = 2 ** (8 * size - 1) - 1  # the upper bit says whether a reader must understand the property
    for _ in range(fields.take(4)):
        item = fields.take(4 if version else 2)
        indices = [fields.take(size) & mask for _ in range(fields.take(1))]
        found[item] = [known[index - 1] for index in indices if 0 < index <= len(known)]
    return found


def _start_of(wanted: int, data: bytes, meta: dict[bytes, memoryview]) -> bytes:
    """Return the first bytes of an item's data, where its headers are."""
    fields = _Fields(meta[b"iloc"])
    version, _ = fields.version_and_flags()
    sizes = fields.take(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    for _ in range(fields.take(4 if version == 2 else 2)):
        item = fields.take(4 if version == 2 else 2)
        source = meta[b"idat"] if version and fields.take(2) & 15 == 1 else memoryview(data)
        fields.take(2)  # which file: this one
        base = fields.take(base_size)
        for extent in range(fields.take(2)):
            fields.take(index_size if version else 0)
            start = base + fields.take(offset_size)
            fields.take(length_size)
            if item == wanted and extent == 0:
                return bytes(source[start : start + HEADERS])
    raise LookupError


def _inside(data: memoryview, wanted: bytes) -> memoryview:
    """Return the body of the first box of a type; empty if there is none."""
    return next((body for kind, body in _boxes(data) if kind == wanted), memoryview(b""))


def _boxes(data: memoryview) -> Iterator[Box]:
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
