"""Why a file cannot be opened: it is cut short, of a kind that is not read, or not a picture."""

import io
import struct
from collections.abc import Iterator

from nst_engine.film import formats
from nst_engine.images import png
from nst_engine.spec.errors import PictureError

NAMES = "JPEG, PNG, WebP, TIFF, AVIF or HEIC"
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
START_OF_JPEG, END_OF_JPEG = b"\xff\xd8", b"\xff\xd9"
START_OF_SCAN = 0xDA
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers of frames; the three are tables
BARE = {0x01, *range(0xD0, 0xD9)}  # markers without a segment
# What files begin with that people take for readable ones.
OTHERS = {
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"8BPS": "Photoshop",
    b"%PDF": "PDF",
    b"<svg": "SVG",
    b"\0\0\1\0": "ICO",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"II\xbc": "JPEG XR",
    b"v/1\1": "OpenEXR",
    **dict.fromkeys((b"P4\n", b"P5\n", b"P6\n"), "PNM"),
    **dict.fromkeys((b"FUJIFILM", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"\0\0\0\x18ftypcrx "), "raw camera"),
}


def refusal(data: bytes) -> PictureError:
    """Return what to say of a file that no decoder opens."""
    if not data:
        return PictureError("picture_empty", "the file is empty")
    bits = next((body[0] for marker, body in _segments(data) if marker in FRAMES and body), 8)
    if bits != 8:
        message = f"{bits}-bit JPEG pictures cannot be read; use JPEG of 8 bits, or PNG or TIFF of 16"
        return PictureError("picture_unsupported", message)
    if is_cut_short(data):
        return cut_short()
    if name := _format(data):
        message = f"the {name} file is damaged, or coded in a way that cannot be read here; use {NAMES}"
        return PictureError("picture_damaged", message)
    if name := next((name for start, name in OTHERS.items() if data.startswith(start)), None):
        return PictureError("not_a_picture", f"{name} files cannot be read here; use {NAMES}")
    return PictureError("not_a_picture", f"the file is not a picture that can be read here; use {NAMES}")


def cut_short() -> PictureError:
    """Return the error for a file that ends too early."""
    return PictureError("picture_truncated", "the picture file is cut short")


def several_pictures() -> PictureError:
    """Return the error for an animation, or for a file of several pages."""
    return PictureError("picture_animated", "the file holds more than one picture; use a still one")


def is_cut_short(data: bytes) -> bool:
    """Tell whether the headers of a file promise more than there is."""
    match _format(data):
        case "JPEG":
            return START_OF_SCAN not in (marker for marker, _ in _segments(data))
        case "PNG":
            return not png.has_end(data)
        case "WebP":
            return 8 + int.from_bytes(data[4:8], "little") > len(data)
        case "TIFF":  # most programs write the directory behind the pixels
            place = data[8:16] if b"+" in data[:4] else data[4:8]
            return int.from_bytes(place, "little" if data.startswith(b"II") else "big") >= len(data)
        case "AVIF or HEIC":
            return formats.is_mp4_cut_short(io.BytesIO(data))
        case _:
            return False


def _format(data: bytes) -> str | None:
    """Return the name of a format that is read, by what a file begins with."""
    for starts, name in (((START_OF_JPEG,), "JPEG"), ((png.SIGNATURE,), "PNG"), (TIFF, "TIFF")):
        if data.startswith(starts):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    return "AVIF or HEIC" if data[4:8] == b"ftyp" and data[8:12] in formats.STILL_BRANDS else None


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the markers of a JPEG and the data behind each, up to that of the pixels or to damage."""
    at = len(START_OF_JPEG) if data.startswith(START_OF_JPEG) else len(data)
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF or marker in BARE:
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack(">H", data[at + 2 : at + 4])
        if at + 2 + length > len(data):
            return
        yield marker, data[at + 4 : at + 2 + length]
        if marker == START_OF_SCAN:
            return
        at += 2 + length
