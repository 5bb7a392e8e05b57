"""Hostile pictures and forms, made here: what an upload must survive."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

import pillow_heif
from PIL import Image, PngImagePlugin

MIB = 1024 * 1024


@dataclass(frozen=True)
class Sample:
    """A file and the answers that are right for it."""

    name: str
    data: bytes
    statuses: tuple[int, ...]
    codes: tuple[str, ...] = ()


def _saved(image: Image.Image, name: str, **options: object) -> bytes:
    pillow_heif.register_heif_opener()
    file = io.BytesIO()
    image.save(file, name, **options)  # type: ignore[arg-type]
    return file.getvalue()


def _photo(size: tuple[int, int] = (64, 48)) -> Image.Image:
    return Image.effect_noise(size, 80).convert("RGB")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, idat: bytes, *extra: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + b"".join(extra) + _chunk(b"IDAT", idat) + _chunk(b"IEND", b"")
    )


def _zeros(mebibytes: int) -> bytes:
    """Return compressed zeros; one block is repeated, because every process of a test run makes them."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = (mebibytes * MIB % 65521 << 16) + 1
    return b"\x78\xda" + block * mebibytes + packer.flush() + struct.pack(">I", checksum)


def _tiff(width: int, height: int) -> bytes:
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    tags += [(273, 4, 1, 200), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, 100)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + bytes(400)


def _webp(width: int, height: int) -> bytes:
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    frame = (
        b"VP8L"
        + struct.pack("<I", 5)
        + b"\x2f"
        + struct.pack("<I", (width - 1) & 0x3FFF | ((height - 1) & 0x3FFF) << 14)
    )
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + size + frame + b"\0"
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _heavy_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E] = "<script>alert(document.domain)</script>"
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    return exif


def bombs() -> list[Sample]:
    """Small files that promise or hold far too much."""
    text = PngImagePlugin.PngInfo()
    text.add_text("a", "x" * 64, zip=True)
    gigabytes = _zeros(100)  # as a picture of 30,000 x 30,000 pixels this would go on to 2.7 GB
    assert len(gigabytes) < 110_000
    large = ("picture_too_large",)
    return [
        Sample("PNG of 100,000 x 100,000", _png(100_000, 100_000, b""), (413,), large),
        Sample("PNG of 2^31 pixels a side", _png(2**31 - 1, 2**31 - 1, b""), (413,), large),
        Sample("PNG of 100 kB that holds gigabytes", _png(30_000, 30_000, gigabytes), (413,), large),
        Sample(
            "PNG with a profile that unpacks to 100 MiB",
            _png(64, 48, b"", _chunk(b"iCCP", b"a\0\0" + gigabytes)),
            (415,),
        ),
        Sample(
            "PNG with a text that unpacks to 100 MiB", _png(64, 48, b"", _chunk(b"zTXt", b"a\0\0" + gigabytes)), (415,)
        ),
        Sample("PNG whose data go on for 100 MiB", _png(64, 48, gigabytes), (202, 415)),
        Sample("TIFF of 200,000 x 200,000", _tiff(200_000, 200_000), (413,), large),
        Sample("TIFF that points nowhere", _tiff(64, 48)[:100], (415,)),
        Sample("WebP of 16,384 x 16,384", _webp(16_384, 16_384), (413, 415)),
        Sample("one pixel high and very long", _saved(Image.new("L", (17_000, 20)), "PNG"), (413,), large),
        Sample("50 million pixels in 150 kB", _png(7_200, 7_200, _zeros(149)), (413,), large),
    ]


def broken() -> list[Sample]:
    """Files that are cut short or are something else."""
    cut = [
        Sample(f"half a {name}", (data := _saved(_photo((200, 200)), name))[: len(data) // 2], (415,))
        for name in ("PNG", "JPEG", "WEBP", "AVIF", "HEIF", "TIFF")
    ]
    gif = b"GIF89a/*" + bytes(20) + b"*/=1;alert(1)"
    other = {
        "nothing": (b"", (422,)),
        "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", (415,)),
        "HTML": (b"<!doctype html><script>alert(1)</script>", (415,)),
        "PDF": (b"%PDF-1.7\n%\xe2\xe3\n" + _saved(_photo(), "JPEG"), (415,)),
        "GIF and script at once": (gif, (415,)),
        "an archive with a picture in it": (b"PK\x03\x04" + _saved(_photo(), "PNG"), (415,)),
        "GIF": (_saved(_photo(), "GIF"), (415,)),
        "EPS": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99999 99999\n", (415,)),
        "BMP": (_saved(_photo(), "BMP"), (415,)),
        "PSD": (b"8BPS" + bytes(60), (415,)),
        "1 x 1": (_saved(_photo((1, 1)), "PNG"), (422,)),
        "random bytes after a good header": (_saved(_photo(), "PNG")[:40] + bytes(range(256)) * 40, (415,)),
    }
    return cut + [Sample(name, data, statuses) for name, (data, statuses) in other.items()]


def animated() -> list[Sample]:
    """Files with more than one picture."""
    more = {"save_all": True, "append_images": [_photo(), _photo()]}
    return [
        Sample(f"animated {name}", _saved(_photo(), name, **more), (415,), ("picture_animated",))
        for name in ("PNG", "WEBP", "TIFF", "AVIF")
    ]


def strange_but_good() -> list[Sample]:
    """Pictures that are to be taken, without what is in their files beside the pixels."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "<script>alert(1)</script>")
    samples = {
        "EXIF with a script and a place": _saved(_photo(), "JPEG", exif=_heavy_exif()),
        "an archive behind a picture": _saved(_photo(), "PNG") + b"PK\x03\x04<script>alert(1)</script>",
        "a page in a comment": _saved(_photo(), "PNG", pnginfo=text),
        "a broken profile": _saved(_photo(), "JPEG", icc_profile=b"<script>" * 50),
        "CMYK": _saved(_photo().convert("CMYK"), "JPEG"),
        "16 bits": _saved(Image.new("I;16", (40, 40), 30_000), "PNG"),
        "transparent": _saved(Image.new("LA", (40, 40), (9, 0)), "PNG"),
        "HEIC": _saved(_photo(), "HEIF"),
    }
    return [Sample(name, data, (202,)) for name, data in samples.items()]
